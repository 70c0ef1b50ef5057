//! How fast this device is at SDXL, without its weights: networks of the published size with synthetic ones, loaded and run
//! as real ones are, and each of their layers by itself, beside the work that the configs call for.
//!
//! ```text
//! configs -> work (layers by shape, and how often) -> FLOPs, and each layer measured -> kinds of kernels
//!         -> synthetic (manifest, bytes) -> Model::load -> forwards measured
//! ```

mod clock;
mod configs;
mod count;
mod forecast;
mod layers;
mod markdown;
mod networks;
mod report;
mod synthetic;
#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
mod unet_work;
mod vae_work;
pub mod work;
mod yardstick;

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::device::Gpu;
use crate::kernels::{Tuning, self_test};
use crate::pipeline::{Observer, check_cancelled};
use crate::weights::Encoding;
use crate::{Error, Precision, Result};

pub use configs::Configs;
pub use count::count;
pub use forecast::{Bytes, Forecast, Plan, forecast, sizes};
pub use report::{Gemm, KindTime, LayerTime, Network, NetworkName, Report};
pub use unet_work::unet_work;
pub use vae_work::decoder_work;

/// What to measure.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Side of the picture, in pixels.
    pub size: usize,
    /// How weights are packed ([`crate::weights::scheme::encoding_of`]).
    pub weights: Encoding,
    /// Activations in f16, of the VAE only where its config allows it.
    pub f16: bool,
    /// One network alone.
    pub only: Option<NetworkName>,
    /// Measurements that each median is of.
    pub repeats: usize,
    /// What the device is called where it does not say so itself.
    pub adapter: Option<String>,
}

/// Whoever runs the bench: a browser's clock and memory are not a program's.
pub trait Host: Observer {
    /// Seconds since some moment.
    fn seconds(&self) -> f64;

    /// The most bytes that GPU buffers took since this was last asked, where it is known.
    fn gpu_bytes(&mut self) -> Option<u64>;

    /// Told of each measurement before it begins: of what, its number from 0, and of how many.
    fn measuring(&mut self, what: &str, index: usize, count: usize);
}

/// What all measurements of a run share.
struct Bench<'a> {
    gpu: &'a Gpu,
    options: &'a Options,
    host: &'a mut dyn Host,
}

/// Measures the networks of `configs` on a device. Takes about a minute on a fast GPU. A step is measured
/// with both halves of the guidance at once, where drawing would compute them in turn if there were no room for that.
pub async fn run(
    configs: &Configs,
    gpu: &Gpu,
    options: &Options,
    host: &mut dyn Host,
) -> Result<Report> {
    let refuse = |field, problem: &str| {
        let problem = problem.to_owned();
        Err(Error::BadRequest { field, problem })
    };
    if options.repeats == 0 {
        return refuse("repeats", "must be at least 1");
    }
    let precision = match options.f16 {
        true => Precision::F16,
        false => Precision::F32,
    };
    precision.check(&gpu.device)?;
    let mut bench = Bench { gpu, options, host };

    let began = bench.host.seconds();
    let tuning = bench.tune().await?;
    bench.compile(precision).await?;
    let compile_ms = clock::milliseconds(bench.host.seconds() - began);

    let (yardstick, linear) = bench.products(precision).await?;
    let launch_us = bench.launch().await?;
    let mut networks = Vec::new();
    for name in NetworkName::ALL {
        if options.only.is_none_or(|only| only == name) {
            networks.extend(bench.network(configs, name, precision).await?);
        }
    }
    if networks.is_empty() {
        return refuse("only", "this model has no such network");
    }
    let adapter = Some(gpu.adapter.clone()).filter(|name| !name.is_empty());
    Ok(Report {
        adapter: adapter.or(options.adapter.clone()).unwrap_or_default(),
        features: gpu.features.clone(),
        largest_tensor: gpu.room.tensor,
        model: configs.name.clone(),
        size: options.size,
        weights: options.weights,
        repeats: options.repeats,
        tuning,
        compile_ms,
        launch_us,
        yardstick,
        linear,
        networks,
    })
}

impl Bench<'_> {
    async fn tune(&mut self) -> Result<Tuning> {
        self.host.measuring("trying variants of kernels", 0, 1);
        let host = &*self.host;
        Tuning::measure(&self.gpu.device, &|| host.seconds()).await
    }

    /// Compiles what the networks need, and tests it.
    async fn compile(&mut self, precision: Precision) -> Result<()> {
        let (device, host) = (&self.gpu.device, &mut *self.host);
        let encodings = BTreeSet::from([Encoding::F16, self.options.weights]);
        let encodings: Vec<Encoding> = encodings.into_iter().collect();
        let mut progress = |done, all| {
            host.measuring("compiling and testing kernels", done - 1, all);
            check_cancelled(host)
        };
        self_test(device, &encodings, precision.with_f32(), &mut progress).await
    }
}
