//! GroupNorm with SiLU behind it: statistics, which may be those of several parts of a picture, and their application. GPU:
//! group_norm_statistics.wgsl; group_norm_scaling.wgsl, group_norm.wgsl.

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Wgsl, launch};

/// Count, mean and sum of squared deviations.
const STATISTICS: usize = 3;
/// Enough invocations, of four channels each, to keep the largest GPUs busy: with more of them, each only does less.
const INVOCATIONS: usize = 1 << 17;
/// Fewest pixels that statistics are made of, so that they are few beside the pixels.
const SHORTEST_SLICE: usize = 32;

/// Pixels that one invocation takes the statistics of, in each of four channels.
fn slice(batch: usize, pixels: usize, channels: usize) -> usize {
    let values = batch * pixels * channels;
    values.div_ceil(4 * INVOCATIONS).max(SHORTEST_SLICE)
}

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
    use crate::kernels::workers::{lanes, workers};

    pub fn statistics(x: CubeTensor) -> CubeTensor {
        let x = into_contiguous(x);
        let [batch, height, width, channels] = x.meta.shape().dims();
        let (lanes, count) = lanes(channels);
        let kernel = Wgsl {
            name: vec!["group_norm_statistics", lanes.name],
            parts: vec![lanes.source, include_str!("group_norm_statistics.wgsl")],
            value: x.dtype,
        };
        let pixels = height * width;
        let slice = slice(batch, pixels, channels);
        let slices = pixels.div_ceil(slice);
        let info = [pixels, channels, slice, slices].map(|n| n as u32);
        let output = (DType::F32, [slices, batch, STATISTICS, channels]);
        let invocations = slices * channels / count;
        launch(
            kernel,
            &[x],
            output,
            &info,
            [invocations.div_ceil(64), batch],
        )
    }

    pub fn apply(
        x: CubeTensor,
        statistics: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        options: GroupNormOptions,
    ) -> CubeTensor {
        let x = into_contiguous(x);
        let shape = x.meta.shape().clone();
        let [batch, height, width, channels] = shape.dims();
        let scaling = scaling(statistics, gamma, options);
        let (lanes, count) = lanes(channels);
        let kernel = Wgsl {
            name: vec!["group_norm", lanes.name],
            parts: vec![lanes.source, include_str!("group_norm.wgsl")],
            value: x.dtype,
        };
        let (pixels, columns) = (height * width, channels / count);
        let stride = pixels.div_ceil(4).min(INVOCATIONS.div_ceil(columns));
        let silu = usize::from(options.silu);
        let info = [pixels, channels, stride, silu].map(|n| n as u32);
        let output = (x.dtype, shape);
        let workgroups = [(stride * columns).div_ceil(64), batch];
        launch(kernel, &[x, scaling, beta], output, &info, workgroups)
    }

    /// The mean and the factor of each channel, `[batch, 2, channels]`.
    fn scaling(statistics: CubeTensor, gamma: CubeTensor, options: GroupNormOptions) -> CubeTensor {
        let statistics = into_contiguous(statistics);
        let [slices, batch, _, channels] = statistics.meta.shape().dims();
        let (workers, at_once) = workers();
        let kernel = Wgsl {
            name: vec!["group_norm_scaling", workers.name],
            parts: vec![include_str!("group_norm_scaling.wgsl"), workers.source],
            value: DType::F32,
        };
        let [batch32, groups, channels32, slices] =
            [batch, options.groups, channels, slices].map(|n| n as u32);
        let info = [batch32, groups, channels32, slices, options.eps.to_bits()];
        let output = (DType::F32, [batch, 2, channels]);
        let workgroups = [(batch * options.groups).div_ceil(at_once), 1];
        launch(kernel, &[statistics, gamma], output, &info, workgroups)
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn::tensor::Shape;
    use burn_flex::FlexTensor;

    use super::{GroupNormOptions, STATISTICS, slice};
    use crate::kernels::plain::{tensor, values};

    pub fn statistics(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let [batch, height, width, channels] = x.layout().shape().dims();
        let pixels = height * width;
        let slice = slice(batch, pixels, channels);
        let slices = pixels.div_ceil(slice);
        let mut statistics = vec![0.0; slices * batch * STATISTICS * channels];
        for (sample, picture) in values(&x).chunks(pixels * channels).enumerate() {
            for (number, part) in picture.chunks(slice * channels).enumerate() {
                let count = (part.len() / channels) as f64;
                let start = (number * batch + sample) * STATISTICS * channels;
                let rows = &mut statistics[start..start + STATISTICS * channels];
                for channel in 0..channels {
                    let column = || {
                        part.iter()
                            .skip(channel)
                            .step_by(channels)
                            .map(|&v| f64::from(v))
                    };
                    let mean = column().sum::<f64>() / count;
                    let squares: f64 = column().map(|v| (v - mean) * (v - mean)).sum();
                    rows[channel] = count as f32;
                    rows[channels + channel] = mean as f32;
                    rows[2 * channels + channel] = squares as f32;
                }
            }
        }
        tensor(
            statistics,
            Shape::new([slices, batch, STATISTICS, channels]),
        )
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
                    let rows = statistics
                        .chunks(STATISTICS * channels)
                        .skip(sample)
                        .step_by(batch);
                    let parts = rows.flat_map(|row| {
                        (group * size..(group + 1) * size).map(|channel| {
                            [0, 1, 2].map(|which| f64::from(row[which * channels + channel]))
                        })
                    });
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
