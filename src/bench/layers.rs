//! Single layers on the device: each shape of a network by itself, the largest product that the adapter's share is told of,
//! and what a launch costs.

use burn::tensor::{Tensor, TensorData};

use super::clock::{Order, finish, milliseconds, throughput};
use super::report::{Gemm, LayerTime};
use super::work::{Layer, Work};
use super::yardstick::product;
use super::{Bench, synthetic};
use crate::device::Room;
use crate::kernels::{self, GroupNormOptions, Weight, Window};
use crate::lora::Adapters;
use crate::noise::Generator;
use crate::weights::{ComponentName, Encoding, Resident, Weights};
use crate::{Precision, Result};

/// Sides of the product that the others are compared with: doubled until one takes long enough, so that software gets an
/// answer too.
const GEMM_SIDES: std::ops::RangeInclusive<u32> = 8..=12;
const GEMM_SECONDS: f64 = 0.25;
/// Launches that are ordered at once to know the price of one.
const LAUNCHES: usize = 512;
/// Tensors of a layer's largest size that its measurement takes, with those that pools keep.
const TENSORS: u64 = 8;
const EPS: f32 = 1e-5;

/// A layer's parameters, and the memory of them.
struct Parameters {
    weight: Weight,
    bias: Tensor<2>,
}

impl Bench<'_> {
    /// Every layer of some work, in `precision`; the slowest first.
    pub(super) async fn layers(
        &mut self,
        what: &str,
        work: &Work,
        precision: Precision,
    ) -> Result<Vec<LayerTime>> {
        let mut times = Vec::new();
        let layers = work.layers();
        let all = layers.len();
        for (index, (layer, count)) in layers.enumerate() {
            self.host.measuring(what, index, all);
            let parts = self.parts(layer, precision);
            let seconds = self.layer(layer.strip(parts), precision).await? * parts as f64;
            times.push(LayerTime {
                layer: layer.to_string(),
                kind: layer.kind(),
                count,
                gflop: (layer.flops() * count as u64) as f64 / 1e9,
                gigabytes: (layer.values_moved() * count as u64) as f64
                    * precision.dtype().size() as f64
                    / 1e9,
                ms: milliseconds(seconds * count as f64),
            });
        }
        times.sort_by(|a, b| b.ms.total_cmp(&a.ms));
        Ok(times)
    }

    /// In how many parts a layer is measured, as large as there is room for.
    pub(super) fn parts(&self, layer: Layer, precision: Precision) -> usize {
        let bytes = layer.largest_tensor() * precision.dtype().size() as u64;
        let Room { tensor, memory } = self.gpu.room;
        bytes.div_ceil(tensor.min(memory / TENSORS)) as usize
    }

    /// Seconds of one layer.
    pub(super) async fn layer(&mut self, layer: Layer, precision: Precision) -> Result<f64> {
        let noise = |shape| self.noise(shape, precision);
        match layer {
            Layer::Linear {
                rows,
                inputs,
                outputs,
            } => {
                let x = noise([1, rows, 1, inputs]).reshape([rows, inputs]);
                let scheme = self.options.weights;
                let layer = self.parameters(outputs, inputs, scheme).await?;
                self.throughput(&|| {
                    let y = kernels::linear(x.clone(), &layer.weight, &layer.bias, None);
                    y.reshape([rows * outputs])
                })
                .await
            }
            Layer::Conv2d {
                batch,
                input: [height, width],
                resized,
                stride,
                inputs,
                outputs,
            } => {
                let x = noise([batch, height, width, inputs]);
                let window = Window {
                    input: [height, width],
                    resized,
                    output: layer.output(),
                    kernel: [3, 3],
                    stride,
                    padding: [1, 1],
                };
                let scheme = self.options.weights;
                let layer = self.parameters(outputs, 9 * inputs, scheme).await?;
                self.throughput(&|| {
                    flat(kernels::conv2d(
                        x.clone(),
                        &layer.weight,
                        &layer.bias,
                        None,
                        window,
                    ))
                })
                .await
            }
            Layer::Attention {
                batch,
                queries,
                keys,
                heads,
                width,
            } => {
                let channels = heads * width;
                let of = |rows| noise([batch, rows, 1, channels]).reshape([batch, rows, channels]);
                let (q, k, v) = (of(queries), of(keys), of(keys));
                self.throughput(&|| {
                    let y = kernels::attention(q.clone(), k.clone(), v.clone(), heads, false);
                    y.reshape([batch * queries * channels])
                })
                .await
            }
            Layer::GroupNorm {
                batch,
                size: [height, width],
                channels,
                groups,
            } => {
                let x = noise([batch, height, width, channels]);
                let [gamma, beta] = self.norm(channels);
                let options = GroupNormOptions {
                    groups,
                    eps: EPS,
                    silu: true,
                };
                self.throughput(&|| {
                    let statistics = kernels::group_norm_statistics(x.clone());
                    flat(kernels::group_norm(
                        x.clone(),
                        &statistics,
                        &gamma,
                        &beta,
                        options,
                    ))
                })
                .await
            }
            Layer::LayerNorm { rows, width } => {
                let x = noise([1, rows, 1, width]);
                let [gamma, beta] = self.norm(width);
                self.throughput(&|| flat(kernels::layer_norm(x.clone(), &gamma, &beta, EPS)))
                    .await
            }
        }
    }

    /// What the yardstick and the linear kernel make of a square product.
    pub(super) async fn products(&mut self, precision: Precision) -> Result<(Gemm, Gemm)> {
        let all = GEMM_SIDES.count();
        let mut both = Default::default();
        for (index, log) in GEMM_SIDES.enumerate() {
            let side = 1 << log;
            self.host.measuring("matrix product", index, all);
            let x = self
                .noise([1, side, 1, side], precision)
                .reshape([side, side]);
            let order = || product(x.clone(), x.clone()).reshape([side * side]);
            let yardstick = self.throughput(&order).await?;
            let layer = self.parameters(side, side, Encoding::F16).await?;
            let order = || {
                kernels::linear(x.clone(), &layer.weight, &layer.bias, None).reshape([side * side])
            };
            let linear = self.throughput(&order).await?;
            both = (gemm(side, yardstick), gemm(side, linear));
            if linear > GEMM_SECONDS {
                break;
            }
        }
        Ok(both)
    }

    /// Microseconds that this thread needs to order one small launch.
    pub(super) async fn launch(&mut self) -> Result<f64> {
        const SIDE: usize = 32;
        self.host.measuring("launches", 0, 1);
        let x = self
            .noise([1, 1, 1, SIDE], Precision::F32)
            .reshape([1, SIDE]);
        let layer = self.parameters(SIDE, SIDE, Encoding::F16).await?;
        let order = || kernels::linear(x.clone(), &layer.weight, &layer.bias, None).reshape([SIDE]);
        finish(order()).await?;
        let began = self.host.seconds();
        for _ in 1..LAUNCHES {
            order();
        }
        let last = order();
        let seconds = self.host.seconds() - began;
        finish(last).await?;
        Ok(seconds * 1e6 / LAUNCHES as f64)
    }

    async fn throughput(&mut self, order: Order<'_>) -> Result<f64> {
        throughput(self.host, self.options.repeats, order).await
    }

    async fn parameters(
        &self,
        outputs: usize,
        columns: usize,
        scheme: Encoding,
    ) -> Result<Resident<Parameters>> {
        let (name, device) = (ComponentName::Unet, &self.gpu.device);
        let (component, source) = synthetic::layer(outputs, columns, scheme, device)?;
        let none = Adapters::default();
        Weights::load(
            &source,
            name,
            &component,
            device,
            &none,
            |_| true,
            |_| Ok(()),
        )
        .await?
        .build(|weights| {
            Ok(Parameters {
                weight: weights.matrix("weight", &[outputs, columns])?,
                bias: weights.vector("bias", outputs)?.unsqueeze(),
            })
        })
    }

    fn norm(&self, channels: usize) -> [Tensor<1>; 2] {
        let device = &self.gpu.device;
        [
            Tensor::ones([channels], device),
            Tensor::zeros([channels], device),
        ]
    }

    /// Normal noise; each row of a picture is the same, so that little of it passes through this thread's memory.
    ///
    /// # Shapes
    /// - output: `[batch, height, width, channels]`
    pub(super) fn noise(
        &self,
        [batch, height, width, channels]: [usize; 4],
        precision: Precision,
    ) -> Tensor<4> {
        let values = Generator::new(0).normal(width * channels);
        let row = TensorData::new(values, [1, 1, width, channels]);
        Tensor::<4>::from_data(row, &self.gpu.device)
            .cast(precision.dtype())
            .repeat_dim(1, height)
            .repeat_dim(0, batch)
    }
}

fn gemm(side: usize, seconds: f64) -> Gemm {
    let layer = Layer::Linear {
        rows: side,
        inputs: side,
        outputs: side,
    };
    Gemm {
        side,
        ms: milliseconds(seconds),
        tflops: layer.flops() as f64 / seconds / 1e12,
    }
}

pub(super) fn flat(tensor: Tensor<4>) -> Tensor<1> {
    let count = tensor.dims().iter().product::<usize>();
    tensor.reshape([count])
}
