//! GroupNorm with SiLU behind it, in two kernels: statistics, which may be those of several parts of a picture, and their
//! application. GPU: group_norm_statistics.wgsl, group_norm.wgsl.

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Wgsl, launch};

/// Pixels that one workgroup takes of a group.
const SLICE: usize = 1024;
/// Count, mean and sum of squared deviations.
const STATISTICS: usize = 3;

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

pub(super) mod gpu {
    use burn::tensor::DType;

    use super::*;

    pub fn statistics(x: CubeTensor, groups: usize) -> CubeTensor {
        let x = into_contiguous(x);
        let [batch, height, width, channels] = x.meta.shape().dims();
        let kernel = Wgsl {
            name: vec!["group_norm_statistics"],
            parts: vec![
                include_str!("group_norm_statistics.wgsl"),
                include_str!("workgroup_total.wgsl"),
            ],
            value: x.dtype,
        };
        let pixels = height * width;
        let slices = pixels.div_ceil(SLICE);
        let info = [pixels, channels, groups, SLICE].map(|n| n as u32);
        let output = (DType::F32, [slices, batch, groups, STATISTICS]);
        launch(kernel, &[x], output, &info, [slices, batch * groups])
    }

    pub fn apply(
        x: CubeTensor,
        statistics: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        options: GroupNormOptions,
    ) -> CubeTensor {
        let (x, statistics) = (into_contiguous(x), into_contiguous(statistics));
        let shape = x.meta.shape().clone();
        let [batch, height, width, channels] = shape.dims();
        let [parts, ..] = statistics.meta.shape().dims::<4>();
        let kernel = Wgsl {
            name: vec!["group_norm"],
            parts: vec![
                include_str!("group_norm.wgsl"),
                include_str!("workgroup_total.wgsl"),
            ],
            value: x.dtype,
        };
        let pixels = height * width;
        let info = [
            pixels as u32,
            channels as u32,
            options.groups as u32,
            SLICE as u32,
            parts as u32,
            u32::from(options.silu),
            options.eps.to_bits(),
        ];
        let output = (x.dtype, shape);
        launch(
            kernel,
            &[x, statistics, gamma, beta],
            output,
            &info,
            [pixels.div_ceil(SLICE), batch * options.groups],
        )
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn::tensor::Shape;
    use burn_flex::FlexTensor;

    use super::{GroupNormOptions, SLICE, STATISTICS};
    use crate::kernels::plain::{tensor, values};

    pub fn statistics(x: FlexTensor, groups: usize) -> FlexTensor {
        let x = x.to_contiguous();
        let [batch, height, width, channels] = x.layout().shape().dims();
        let (pixels, size) = (height * width, channels / groups);
        let slices = pixels.div_ceil(SLICE);
        let mut statistics = vec![0.0; slices * batch * groups * STATISTICS];
        for (sample, picture) in values(&x).chunks(pixels * channels).enumerate() {
            for (slice, part) in picture.chunks(SLICE * channels).enumerate() {
                let count = (part.len() / groups) as f64;
                let mut sums = vec![0.0f64; groups];
                for pixel in part.chunks(channels) {
                    for (sum, group) in sums.iter_mut().zip(pixel.chunks(size)) {
                        *sum += f64::from(group.iter().sum::<f32>());
                    }
                }
                let means: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
                let mut squares = vec![0.0f64; groups];
                for pixel in part.chunks(channels) {
                    for ((sum, mean), group) in
                        squares.iter_mut().zip(&means).zip(pixel.chunks(size))
                    {
                        *sum +=
                            f64::from(group.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>());
                    }
                }
                let start = (slice * batch + sample) * groups * STATISTICS;
                let rows = statistics[start..].chunks_mut(STATISTICS);
                for ((row, mean), squares) in rows.zip(&means).zip(&squares) {
                    row.copy_from_slice(&[count as f32, *mean, *squares as f32]);
                }
            }
        }
        tensor(statistics, Shape::new([slices, batch, groups, STATISTICS]))
    }

    pub fn apply(
        x: FlexTensor,
        statistics: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        options: GroupNormOptions,
    ) -> FlexTensor {
        let (x, statistics) = (x.to_contiguous(), statistics.to_contiguous());
        let shape = x.layout().shape().clone();
        let [batch, height, width, channels] = shape.dims();
        let (gamma, beta, statistics) = (values(&gamma), values(&beta), values(&statistics));
        let size = channels / options.groups;
        let mut y = values(&x).to_vec();
        for (sample, picture) in y.chunks_mut(height * width * channels).enumerate() {
            let scaling: Vec<(f32, f32)> = (0..options.groups)
                .map(|group| {
                    let first = sample * options.groups + group;
                    let step = batch * options.groups;
                    let parts = statistics
                        .chunks(STATISTICS)
                        .skip(first)
                        .step_by(step)
                        .map(|part| [part[0], part[1], part[2]].map(f64::from));
                    let (mean, variance) = joined(parts);
                    let scale = 1.0 / (variance as f32 + options.eps).sqrt();
                    (mean as f32, scale)
                })
                .collect();
            for pixel in picture.chunks_mut(channels) {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let (mean, scale) = scaling[channel / size];
                    *value = (*value - mean) * scale * gamma[channel] + beta[channel];
                    if options.silu {
                        *value /= 1.0 + (-*value).exp();
                    }
                }
            }
        }
        tensor(y, shape)
    }

    /// Mean and variance of all parts (Chan, Golub and LeVeque).
    fn joined(parts: impl Iterator<Item = [f64; STATISTICS]> + Clone) -> (f64, f64) {
        let count: f64 = parts.clone().map(|[count, ..]| count).sum();
        let mean = parts.clone().map(|[n, mean, _]| n * mean).sum::<f64>() / count;
        let squares: f64 = parts
            .map(|[n, part, squares]| squares + n * (part - mean) * (part - mean))
            .sum();
        (mean, squares / count)
    }
}
