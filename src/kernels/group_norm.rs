//! GroupNorm with SiLU behind it. GPU: group_norm.wgsl.

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Wgsl, launch};

/// What sets one GroupNorm apart from another, besides its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNormOptions {
    /// Neighbouring channels are normalized together, in this many groups.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f32,
    /// Whether SiLU follows.
    pub silu: bool,
}

pub(super) fn gpu(
    x: CubeTensor,
    gamma: CubeTensor,
    beta: CubeTensor,
    options: GroupNormOptions,
) -> CubeTensor {
    let x = into_contiguous(x);
    let shape = x.meta.shape().clone();
    let [batch, height, width, channels] = shape.dims();
    let kernel = Wgsl {
        name: ["group_norm", "", ""],
        parts: vec![include_str!("group_norm.wgsl")],
    };
    let info = [
        (height * width) as u32,
        channels as u32,
        options.groups as u32,
        u32::from(options.silu),
        options.eps.to_bits(),
    ];
    launch(
        kernel,
        &[x, gamma, beta],
        shape,
        &info,
        [batch * options.groups, 1],
    )
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn_flex::FlexTensor;

    use super::GroupNormOptions;
    use crate::kernels::plain::{tensor, values};

    pub fn group_norm(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        options: GroupNormOptions,
    ) -> FlexTensor {
        let x = x.to_contiguous();
        let shape = x.layout().shape().clone();
        let [_, height, width, channels] = shape.dims();
        let (gamma, beta) = (values(&gamma), values(&beta));
        let size = channels / options.groups;
        let count = (height * width * size) as f64;
        let mut y = values(&x).to_vec();
        for sample in y.chunks_mut(height * width * channels) {
            let mut sums = vec![0.0f64; options.groups];
            for pixel in sample.chunks(channels) {
                for (sum, group) in sums.iter_mut().zip(pixel.chunks(size)) {
                    *sum += f64::from(group.iter().sum::<f32>());
                }
            }
            let means: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
            let mut squares = vec![0.0f64; options.groups];
            for pixel in sample.chunks(channels) {
                for ((sum, mean), group) in squares.iter_mut().zip(&means).zip(pixel.chunks(size)) {
                    *sum += f64::from(group.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>());
                }
            }
            let scales: Vec<f32> = squares
                .iter()
                .map(|sum| 1.0 / ((sum / count) as f32 + options.eps).sqrt())
                .collect();
            for pixel in sample.chunks_mut(channels) {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let group = channel / size;
                    *value =
                        (*value - means[group]) * scales[group] * gamma[channel] + beta[channel];
                    if options.silu {
                        *value /= 1.0 + (-*value).exp();
                    }
                }
            }
        }
        tensor(y, shape)
    }
}
