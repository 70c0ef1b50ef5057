//! What was measured.

use serde::{Deserialize, Serialize};

use super::work::Kind;
use crate::kernels::Tuning;
use crate::weights::Encoding;

/// A run of the bench on one device.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The device's name; empty where it has none.
    pub adapter: String,
    /// WebGPU's names of what it offers beyond the baseline.
    pub features: Vec<String>,
    /// Bytes that one tensor may have on it.
    pub largest_tensor: u64,
    /// Whose configs.
    pub model: String,
    /// Side of the picture, in pixels.
    pub size: usize,
    /// How weights are packed.
    pub weights: Encoding,
    /// Measurements that each median is of.
    pub repeats: usize,
    /// Which variants of the kernels ran.
    pub tuning: Tuning,
    /// Milliseconds before the first use: trying variants, compiling each kernel, running it on a case with a known answer.
    pub compile_ms: f64,
    /// Microseconds of CPU time for ordering one small launch.
    pub launch_us: f64,
    /// What the shares are of: a plain matrix product by hand, in the activations' type.
    pub yardstick: Gemm,
    /// The same product through the linear kernel, with f16 weights.
    pub linear: Gemm,
    /// One after the other.
    pub networks: Vec<Network>,
}

/// A square matrix product, the largest that is quick enough.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Gemm {
    /// Of all three matrices.
    pub side: usize,
    /// Median.
    pub ms: f64,
    /// Rate.
    pub tflops: f64,
}

/// The networks that have a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkName {
    /// The base's.
    Unet,
    /// The refiner's UNet.
    Refiner,
    /// The autoencoder's decoder.
    Vae,
}

/// One network. Times are medians in milliseconds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Which.
    pub name: NetworkName,
    /// Type of the activations.
    pub precision: &'static str,
    /// From nothing to weights on the device, making them included.
    pub load_ms: f64,
    /// Encoded bytes of the weights.
    pub weight_bytes: u64,
    /// The first forward, which compiles what the self-test did not.
    pub first_ms: f64,
    /// A forward of one sample; decoding one picture.
    pub forward_ms: f64,
    /// A step with guidance, both halves as one batch; the decoder has none.
    pub step_ms: Option<f64>,
    /// CPU time of this thread for ordering a step (the decoder: a forward), without waiting for it.
    pub order_ms: f64,
    /// Work of a step (the decoder: of a forward), by the configs.
    pub gflop: f64,
    /// Most bytes in GPU buffers over loading and forwards, where it is known.
    pub gpu_bytes: Option<u64>,
    /// Whether what was looked at of the outputs was finite.
    pub finite: bool,
    /// Each shape of a layer by itself, in a step (the decoder: in a forward); the slowest first.
    pub layers: Vec<LayerTime>,
}

/// All layers of one shape.
#[derive(Debug, Clone, Serialize)]
pub struct LayerTime {
    /// Its shape, for people.
    pub layer: String,
    /// Its kernel.
    pub kind: Kind,
    /// How many there are.
    pub count: usize,
    /// Work of all of them; none where memory is the bound.
    pub gflop: f64,
    /// Activations that norms move, all of them together.
    pub gigabytes: f64,
    /// All of them together.
    pub ms: f64,
}

/// All layers of one kind.
#[derive(Debug, Clone)]
pub struct KindTime {
    /// Which.
    pub kind: Kind,
    /// How many there are.
    pub count: usize,
    /// Work.
    pub gflop: f64,
    /// Moved by norms.
    pub gigabytes: f64,
    /// Time.
    pub ms: f64,
}

impl NetworkName {
    /// Every network, in the order of a picture.
    pub const ALL: [Self; 3] = [Self::Unet, Self::Refiner, Self::Vae];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unet => "base UNet",
            Self::Refiner => "refiner UNet",
            Self::Vae => "VAE decoder",
        }
    }
}

impl Network {
    /// What the layers and the work are of: a step, or, of the decoder, a forward.
    pub fn ms(&self) -> f64 {
        self.step_ms.unwrap_or(self.forward_ms)
    }

    /// Sustained rate.
    pub fn tflops(&self) -> f64 {
        self.gflop / self.ms()
    }

    /// The layers by kind.
    pub fn kinds(&self) -> Vec<KindTime> {
        let of = |kind| {
            let layers = || self.layers.iter().filter(move |layer| layer.kind == kind);
            KindTime {
                kind,
                count: layers().map(|layer| layer.count).sum(),
                gflop: layers().map(|layer| layer.gflop).sum(),
                gigabytes: layers().map(|layer| layer.gigabytes).sum(),
                ms: layers().map(|layer| layer.ms).sum(),
            }
        };
        Kind::ALL.into_iter().map(of).collect()
    }
}
