//! Whole networks: loaded through the pipeline's own path, run at full size, then taken apart into their layers.

use super::clock::{Runs, finish, milliseconds, runs};
use super::count::{GUIDED, TOKENS};
use super::layers::flat;
use super::report::{Network, NetworkName};
use super::{Bench, Configs, decoder_work, synthetic, unet_work};
use crate::conditioning::SizeConditioning;
use crate::device::reclaim;
use crate::pipeline::Model;
use crate::request::Request;
use crate::unet::{UNet, UNetConfig};
use crate::vae::VaeConfig;
use crate::weights::source::ShardSource;
use crate::weights::{ComponentName, Kind, Resident, Scope};
use crate::{Error, Precision, Result};

const TIMESTEP: f32 = 500.0;
const AESTHETIC_SCORE: f32 = 6.0;

/// A network on the device.
struct Loaded<N> {
    network: Resident<N>,
    ms: f64,
    bytes: u64,
}

impl Bench<'_> {
    /// Measures a network, if the model has it.
    pub(super) async fn network(
        &mut self,
        configs: &Configs,
        name: NetworkName,
        precision: Precision,
    ) -> Result<Option<Network>> {
        let kind = match name {
            NetworkName::Refiner if configs.refiner.is_none() => return Ok(None),
            NetworkName::Refiner => Kind::Refiner,
            NetworkName::Unet | NetworkName::Vae => Kind::Base,
        };
        let model = synthetic::model(configs, kind, self.options.weights, &self.gpu.device).await?;
        let Some(vae) = &model.vae else {
            return Ok(None);
        };
        let size = self.latent_size(vae)?;
        // What came before is not this network's.
        self.host.gpu_bytes();
        let network = match name {
            NetworkName::Vae => self.decoder(&model, vae, size, precision).await?,
            NetworkName::Unet | NetworkName::Refiner => {
                self.unet(name, &model, size, precision).await?
            }
        };
        Ok(Some(network))
    }

    async fn unet<S: ShardSource>(
        &mut self,
        name: NetworkName,
        model: &Model<S>,
        size: [usize; 2],
        precision: Precision,
    ) -> Result<Network> {
        let config = &model.unet;
        let init = |weights: &Scope| config.init(weights);
        let loaded = self
            .load(model, ComponentName::Unet, |_| true, init)
            .await?;
        let unet = &loaded.network;
        let one = self
            .forwards(name, config, unet, 1, size, precision)
            .await?;
        // A picture is drawn with one or the other.
        reclaim(&self.gpu.device);
        let both = self
            .forwards(name, config, unet, GUIDED, size, precision)
            .await?;
        let gpu_bytes = self.host.gpu_bytes();
        let (load_ms, weight_bytes) = (loaded.ms, loaded.bytes);
        drop(loaded);

        let work = unet_work(config, GUIDED, size, TOKENS)?;
        Ok(Network {
            name,
            precision: precision.dtype().name(),
            load_ms,
            weight_bytes,
            first_ms: milliseconds(one.first),
            forward_ms: milliseconds(one.run),
            step_ms: Some(milliseconds(both.run)),
            order_ms: milliseconds(both.order),
            gflop: work.flops() as f64 / 1e9,
            gpu_bytes,
            finite: one.finite && both.finite,
            layers: self.layers(name.as_str(), &work, precision).await?,
        })
    }

    async fn forwards(
        &mut self,
        name: NetworkName,
        config: &UNetConfig,
        unet: &UNet,
        batch: usize,
        size: [usize; 2],
        precision: Precision,
    ) -> Result<Runs> {
        let what = format!("{}, batch of {batch}", name.as_str());
        self.host.measuring(&what, 0, 1);
        let side = self.options.size as u32;
        let sizes = SizeConditioning {
            original_size: [side; 2],
            crop_top_left: [0; 2],
            target_size: [side; 2],
        };
        let ids = match name {
            NetworkName::Refiner => sizes.refiner_ids(AESTHETIC_SCORE),
            NetworkName::Unet | NetworkName::Vae => sizes.base_ids(),
        };
        let width = config.projection_class_embeddings_input_dim;
        let of_ids = ids.len() * config.addition_time_embed_dim;
        if width <= of_ids {
            return Err(Error::BadConfig {
                component: ComponentName::Unet.to_string(),
                field: "projection_class_embeddings_input_dim".into(),
                problem: format!("is {width}; sizes alone take {of_ids}"),
            });
        }
        let rows = |rows, width| {
            let noise = self.noise([batch, rows, 1, width], Precision::F32);
            noise.reshape([batch, rows, width])
        };
        let pooled = rows(1, width - of_ids).squeeze_dim::<2>(1);
        let added = unet.embed_added(pooled, &vec![ids; batch], &self.gpu.device);
        let context = rows(TOKENS, config.cross_attention_dim).cast(precision.dtype());
        let context = unet.context(&context);
        let latent = [batch, size[0], size[1], config.in_channels];
        let x = self.noise(latent, precision);
        let order = async || {
            let noise = unet.forward(x.clone(), TIMESTEP, &context, &added);
            Ok(flat(noise.await?))
        };
        runs(self.host, self.options.repeats, &order).await
    }

    async fn decoder<S: ShardSource>(
        &mut self,
        model: &Model<S>,
        config: &VaeConfig,
        size: [usize; 2],
        precision: Precision,
    ) -> Result<Network> {
        let name = NetworkName::Vae;
        // As the pipeline has it.
        let precision = match config.force_upcast {
            true => Precision::F32,
            false => precision,
        };
        let init = |weights: &Scope| config.init_decoder(weights);
        let wanted = VaeConfig::is_of_decoder;
        let picture = [self.options.size; 2];
        let weights = model.weight_size(ComponentName::Vae, wanted)?;
        let rows = self.gpu.room.strips(config, picture, weights)?;
        let loaded = self.load(model, ComponentName::Vae, wanted, init).await?;
        self.host.measuring(name.as_str(), 0, 1);
        let x = self.noise([1, size[0], size[1], config.latent_channels], precision);
        let order = async || {
            let picture = loaded.network.forward_strips(x.clone(), rows);
            Ok(flat(picture.await?))
        };
        let decoded = runs(self.host, self.options.repeats, &order).await?;
        let gpu_bytes = self.host.gpu_bytes();
        let (load_ms, weight_bytes) = (loaded.ms, loaded.bytes);
        drop(loaded);

        let work = decoder_work(config, size);
        Ok(Network {
            name,
            precision: precision.dtype().name(),
            load_ms,
            weight_bytes,
            first_ms: milliseconds(decoded.first),
            forward_ms: milliseconds(decoded.run),
            step_ms: None,
            order_ms: milliseconds(decoded.order),
            gflop: work.flops() as f64 / 1e9,
            gpu_bytes,
            finite: decoded.finite,
            layers: self.layers(name.as_str(), &work, precision).await?,
        })
    }

    async fn load<S: ShardSource, N>(
        &mut self,
        model: &Model<S>,
        name: ComponentName,
        wanted: impl Fn(&str) -> bool,
        init: impl FnOnce(&Scope) -> Result<N>,
    ) -> Result<Loaded<N>> {
        let bytes = model.weight_size(name, &wanted)?;
        let began = self.host.seconds();
        let network = model
            .load(name, &self.gpu.device, &mut *self.host, wanted, init)
            .await?;
        // What was uploaded is there when what was ordered after it is.
        finish(flat(self.noise([1; 4], Precision::F32))).await?;
        let ms = milliseconds(self.host.seconds() - began);
        Ok(Loaded { network, ms, bytes })
    }

    fn latent_size(&self, vae: &VaeConfig) -> Result<[usize; 2]> {
        let (size, scale) = (self.options.size, vae.scale());
        let most = Request::MAX_PIXELS.isqrt() / scale * scale;
        if size == 0 || size > most || !size.is_multiple_of(scale) {
            return Err(Error::BadRequest {
                field: "size",
                problem: format!("{size} is not a multiple of {scale} up to {most}"),
            });
        }
        Ok([size / scale; 2])
    }
}
