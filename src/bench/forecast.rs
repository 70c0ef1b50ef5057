//! What SDXL would need on this device, found out in seconds and without its weights: of each kind of kernel the layer with
//! the most work is timed, or a part of it that is quick enough, and from that speed and the counted work of the
//! networks follows how long they take.

use std::collections::BTreeMap;

use serde::Serialize;

use super::count::{GUIDED, TOKENS};
use super::work::{Kind, Layer, Work};
use super::{Bench, Configs, Host, Options, decoder_work, synthetic, unet_work};
use crate::device::Gpu;
use crate::kernels::{Tuning, tune};
use crate::pipeline::{Pipeline, check_cancelled};
use crate::request::{Refine, Request};
use crate::vae::VaeConfig;
use crate::weights::inventory::{read, tensors_of};
use crate::weights::scheme::encoding_of;
use crate::weights::{ComponentName, Encoding, Kind as Half};
use crate::{Precision, Result};

/// What one measurement may take, by the speed of a large matrix product.
const SECONDS: f64 = 0.1;

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Side of the picture, in pixels.
    pub size: usize,
    /// How weights are packed.
    pub weights: Encoding,
    /// What was found out about this device before.
    pub tuning: Option<Tuning>,
    /// Bytes of the GPU to plan for, where it is not what the device was opened with.
    pub memory: Option<u64>,
}

/// What that takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Seconds of one of the base's steps with guidance.
    pub base_step: f64,
    /// The same of the refiner.
    pub refiner_step: Option<f64>,
    /// Seconds of decoding one picture.
    pub decode: f64,
    /// The most bytes that are on the GPU at a time.
    pub memory: u64,
    /// What was found out about this device.
    pub tuning: Tuning,
}

/// Bytes of a half of SDXL 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// Of the published weights in f16, as far as they are read.
    pub read: u64,
    /// Of what is made of them.
    pub stored: u64,
}

/// Work done in a second: multiplications and additions, or, of norms, values moved.
type Speeds = BTreeMap<Kind, f64>;

/// Measures a device.
pub async fn forecast(
    configs: &Configs,
    gpu: &Gpu,
    plan: &Plan,
    host: &mut dyn Host,
) -> Result<Forecast> {
    let vae: VaeConfig = read(ComponentName::Vae, &configs.vae)?;
    let mut gpu = gpu.clone();
    gpu.room.memory = plan.memory.unwrap_or(gpu.room.memory);
    let gpu = &gpu;
    let request = Request {
        width: plan.size,
        height: plan.size,
        // Whenever it takes over, it needs its room.
        refiner: configs
            .refiner
            .as_ref()
            .map(|_| Refine::Ensemble { switch_at: 0.5 }),
        ..Request::default()
    };
    request.check(vae.scale())?;
    host.measuring("trying variants of kernels", 0, 1);
    let tuning = match plan.tuning {
        Some(known) => known,
        None => Tuning::measure(&gpu.device, &|| host.seconds()).await?,
    };
    tune(tuning);
    let precision = tuning.precision();
    let of_vae = match vae.force_upcast {
        true => Precision::F32,
        false => precision,
    };

    let size = [plan.size / vae.scale(); 2];
    let step = |config| unet_work(&read(ComponentName::Unet, config)?, GUIDED, size, TOKENS);
    let base = step(&configs.unet)?;
    let refiner = configs.refiner.as_ref().map(step).transpose()?;
    let decoding = decoder_work(&vae, size);
    let options = Options {
        size: plan.size,
        weights: plan.weights,
        f16: precision == Precision::F16,
        only: None,
        repeats: 1,
        adapter: None,
    };
    let mut bench = Bench {
        gpu,
        options: &options,
        host,
    };
    let speeds = bench.speeds(&base, precision, tuning.speed).await?;
    let of_decoder = bench.speeds(&decoding, of_vae, tuning.speed).await?;
    Ok(Forecast {
        base_step: seconds(&base, &speeds),
        refiner_step: refiner.map(|work| seconds(&work, &speeds)),
        decode: seconds(&decoding, &of_decoder),
        memory: memory(configs, gpu, &request, plan.weights, precision).await?,
        tuning,
    })
}

/// What is read and stored of SDXL 1.0: base, then refiner. Of the refiner that is its UNet, the rest it shares with the base.
pub fn sizes(scheme: Encoding) -> Result<[Bytes; 2]> {
    use ComponentName::{TextEncoder, TextEncoder2, Unet, Vae};
    let Configs {
        unet, refiner, vae, ..
    } = Configs::published()?;
    let [text_encoder, text_encoder_2] = Configs::published_text_encoders()?;
    let refiner = refiner.unwrap_or_default();
    let base = [
        (Unet, &unet),
        (TextEncoder, &text_encoder),
        (TextEncoder2, &text_encoder_2),
        (Vae, &vae),
    ];
    Ok([
        bytes_of(&base, scheme)?,
        bytes_of(&[(Unet, &refiner)], scheme)?,
    ])
}

fn bytes_of(components: &[(ComponentName, &serde_json::Value)], scheme: Encoding) -> Result<Bytes> {
    let mut sum = Bytes { read: 0, stored: 0 };
    for (name, config) in components {
        for spec in tensors_of(*name, config)? {
            let length = |encoding: Encoding| encoding.byte_len(&spec.shape).unwrap_or_default();
            sum.read += length(Encoding::F16);
            sum.stored += length(encoding_of(&spec, scheme));
        }
    }
    Ok(sum)
}

impl Bench<'_> {
    async fn speeds(&mut self, work: &Work, precision: Precision, speed: f64) -> Result<Speeds> {
        let mut speeds = Speeds::new();
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            let layers = work.layers().filter(|(layer, _)| layer.kind() == kind);
            let total = |(layer, count): &(Layer, usize)| amount(*layer) * *count as u64;
            let Some((layer, _)) = layers.max_by_key(total) else {
                continue;
            };
            check_cancelled(self.host)?;
            self.host
                .measuring("the largest layers", index, Kind::ALL.len());
            let quick = (layer.flops() as f64 / (2.0 * speed * SECONDS)).ceil() as usize;
            let part = layer.part(self.parts(layer, precision).max(quick));
            let seconds = self.layer(part, precision).await?;
            speeds.insert(kind, amount(part) as f64 / seconds);
        }
        Ok(speeds)
    }
}

/// What bounds a layer.
fn amount(layer: Layer) -> u64 {
    match layer.kind() {
        Kind::Norm => layer.values_moved(),
        Kind::Linear | Kind::Conv2d | Kind::Attention => layer.flops(),
    }
}

fn seconds(work: &Work, speeds: &Speeds) -> f64 {
    let layers = work.layers().map(|(layer, count)| {
        let speed = speeds.get(&layer.kind()).copied().unwrap_or(f64::INFINITY);
        (amount(layer) * count as u64) as f64 / speed
    });
    layers.sum()
}

async fn memory(
    configs: &Configs,
    gpu: &Gpu,
    request: &Request,
    scheme: Encoding,
    precision: Precision,
) -> Result<u64> {
    let device = &gpu.device;
    let base = synthetic::model(configs, Half::Base, scheme, device).await?;
    let refiner = match &configs.refiner {
        Some(_) => Some(synthetic::model(configs, Half::Refiner, scheme, device).await?),
        None => None,
    };
    let pipeline = Pipeline::new(base, refiner, device.clone())?
        .with_room(gpu.room)?
        .with_precision(precision)?;
    pipeline.memory(request, TOKENS)
}
