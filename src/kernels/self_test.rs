//! A look at whether the kernels work on this device at all, which also compiles them.
//!
//! In a browser a shader that does not compile is only logged: its output is then whatever the buffer held. So each kernel
//! that networks will use is run once, before the first picture, on a small case whose answer is known.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::{GroupNormOptions, Packing, Tuning, Weight, Window, tune, tuning};
use crate::weights::{Encoding, quantize};
use crate::{Error, Precision, Result};

/// A picture of so many pixels a side, under a 3x3 kernel.
const SIDE: usize = 3;
const PIXELS: usize = SIDE * SIDE;
/// Of pictures that are read four channels at a time, and one at a time: the latter are the VAE's and a LoRA's, whose weights
/// are not quantized.
const QUADS: usize = 4;
const SINGLES: usize = 3;
/// Of the weight: two gated values.
const ROWS: usize = 4;
const BIAS: f32 = 0.5;
/// Rows of an input of a timestep, and of a picture.
const HEIGHTS: [usize; 2] = [2, PIXELS];
/// Strides for an output of few rows, and of more.
const STRIDES: [usize; 2] = [2, 1];

/// Runs on `device` every kernel that [`tuning`] may call for: in each of `precisions` and, where it reads weights, each of
/// `encodings`. `progress` is told how many cases are done, and of how many; an error it returns ends the test.
pub async fn self_test(
    device: &Device,
    encodings: &[Encoding],
    precisions: &[Precision],
    progress: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    let chosen = tuning();
    let done = run(device, encodings, precisions, chosen, progress).await;
    tune(chosen);
    done
}

async fn run(
    device: &Device,
    encodings: &[Encoding],
    precisions: &[Precision],
    chosen: Tuning,
    progress: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    // Small outputs are made in small tiles, unless all are made in large ones.
    let tiles: &[u32] = match chosen.shared {
        true => &[0, u32::MAX],
        false => &[0],
    };
    let channels = |encoding| match encoding {
        Encoding::Q8 | Encoding::Q4 => &[QUADS][..],
        Encoding::F16 | Encoding::F32 => &[QUADS, SINGLES],
    };
    let products = encodings.iter().flat_map(|&encoding| channels(encoding));
    let products = products
        .map(|&channels| products_of(channels))
        .sum::<usize>()
        * tiles.len();
    let mut cases = Cases {
        device,
        dtype: DType::F32,
        done: 0,
        all: precisions.len() * (products + encodings.len() + OTHERS),
        progress,
    };
    for precision in precisions {
        cases.dtype = precision.dtype();
        for &encoding in encodings {
            for &channels in channels(encoding) {
                let weights = Weights::new(encoding, channels, device)?;
                for &large_tiles_from in tiles {
                    tune(Tuning {
                        large_tiles_from,
                        ..chosen
                    });
                    cases.products(&weights).await?;
                }
                if channels == QUADS {
                    cases.embedding(&weights).await?;
                }
            }
        }
        cases.norms().await?;
        for width in [4, 68] {
            cases.attention(width).await?;
        }
    }
    Ok(())
}

/// Cases of [`Cases::products`].
fn products_of(channels: usize) -> usize {
    let linear = match channels {
        QUADS => 2,
        _ => 1,
    };
    linear * HEIGHTS.len() + STRIDES.len()
}

/// Cases of everything that reads no weights.
const OTHERS: usize = 4;

struct Cases<'a> {
    device: &'a Device,
    dtype: DType,
    done: usize,
    all: usize,
    progress: &'a mut dyn FnMut(usize, usize) -> Result<()>,
}

/// A matrix, as a device and as the test knows it.
struct Weights {
    channels: usize,
    packed: Weight,
    bias: Tensor<2>,
    values: Vec<f32>,
}

impl Weights {
    fn new(encoding: Encoding, channels: usize, device: &Device) -> Result<Self> {
        let columns = 9 * channels;
        let value = |i: usize| match i % 4 {
            0 => 127.0,
            _ => (i % 7) as f32 - 3.0,
        };
        let values: Vec<f32> = (0..ROWS * columns).map(value).collect();
        let shape = [ROWS, columns];
        let stored = quantize::encode(&values, &shape, encoding);
        let stored = stored.map_err(|error| Error::Device {
            problem: error.to_string(),
        })?;
        let packing = Packing {
            encoding,
            rows: ROWS,
            columns,
        };
        Ok(Self {
            channels,
            packed: Weight::from_bytes(&stored, packing, device),
            bias: vector(vec![BIAS; ROWS], device).unsqueeze(),
            values: quantize::decode(&stored, &shape, encoding),
        })
    }

    fn columns(&self) -> usize {
        9 * self.channels
    }

    fn rows(&self) -> std::slice::Chunks<'_, f32> {
        self.values.chunks(self.columns())
    }

    /// What a layer makes of some inputs.
    fn product(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.chunks(self.columns());
        rows.flat_map(|x| self.rows().map(|w| dot(x, w) + BIAS))
            .collect()
    }
}

impl Cases<'_> {
    async fn products(&mut self, weights: &Weights) -> Result<()> {
        let Weights { packed, bias, .. } = weights;
        let (channels, columns, [_, tall]) = (weights.channels, weights.columns(), HEIGHTS);
        let x: Vec<f32> = (0..tall * columns).map(|i| (i % 5) as f32 - 2.0).collect();
        for height in HEIGHTS {
            let x = &x[..height * columns];
            let input = self.activations(x, [height, columns]);
            let y = super::linear(input, packed, bias, None);
            self.check("linear", y, &weights.product(x)).await?;
            if channels == QUADS {
                self.geglu(weights, height).await?;
            }
        }

        let picture: Vec<f32> = (0..PIXELS * channels)
            .map(|i| (i % 5) as f32 - 2.0)
            .collect();
        for stride in STRIDES {
            let side = SIDE.div_ceil(stride);
            let patches = (0..side * side).flat_map(|pixel| {
                let at = [pixel / side, pixel % side].map(|at| at * stride);
                patch(&picture, at, channels)
            });
            let patches: Vec<f32> = patches.collect();
            let input = self.activations(&picture, [1, SIDE, SIDE, channels]);
            let window = Window {
                input: [SIDE; 2],
                resized: [SIDE; 2],
                output: [side; 2],
                kernel: [3, 3],
                stride,
                padding: [1, 1],
            };
            let y = super::conv2d(input, packed, bias, None, window);
            self.check("conv2d", y, &weights.product(&patches)).await?;
        }
        Ok(())
    }

    /// Each row sees one of the weights that are 127, or its opposite: gates so wide that the GELU is the identity, or zero.
    async fn geglu(&mut self, weights: &Weights, height: usize) -> Result<()> {
        let columns = weights.columns();
        let mut x = vec![0.0; height * columns];
        for (i, x) in x.chunks_mut(columns).enumerate() {
            x[4 * i] = if i % 2 == 0 { 1.0 } else { -1.0 };
        }
        let input = self.activations(&x, [height, columns]);
        let gated = weights.product(&x);
        let gated: Vec<f32> = gated.chunks(ROWS).flat_map(gate).collect();
        let y = super::linear_geglu(input, &weights.packed, &weights.bias, None);
        self.check("linear_geglu", y, &gated).await
    }

    async fn embedding(&mut self, weights: &Weights) -> Result<()> {
        let ids = [2u32, 0];
        let columns = weights.columns();
        let expected = ids.map(|id| &weights.values[id as usize * columns..][..columns]);
        let ids = Tensor::<1, Int>::from_data(TensorData::from(ids), (self.device, DType::U32));
        let y = super::embedding(&weights.packed, ids);
        self.check("embedding", y, &expected.concat()).await
    }

    async fn norms(&mut self) -> Result<()> {
        // Minus one and one: mean 0, variance 1.
        let signs = [-1.0, 1.0, -1.0, 1.0];
        let [gamma, beta] = [2.0, 1.0].map(|value| vector(vec![value; 4], self.device));
        let y = super::layer_norm(self.activations(&signs, [1, 4]), &gamma, &beta, 0.0);
        self.check("layer_norm", y, &[-1.0, 3.0, -1.0, 3.0]).await?;

        let input = self.activations(&signs, [1, 1, 1, 4]);
        let options = GroupNormOptions {
            groups: 2,
            eps: 0.0,
            silu: true,
        };
        let statistics = super::group_norm_statistics(input.clone());
        let y = super::group_norm(input, &statistics, &gamma, &beta, options);
        let silu = |x: f32| x / (1.0 + (-x).exp());
        let expected = [silu(-1.0), silu(3.0), silu(-1.0), silu(3.0)];
        self.check("group_norm", y, &expected).await
    }

    /// Two tokens, causal, in two heads of this width: the first sees its own value alone; the second weighs both values by 1
    /// and 3 in the first head, and equally in the second, where there are no scores.
    async fn attention(&mut self, width: usize) -> Result<()> {
        let channels = 2 * width;
        let mut k = vec![0.0; 2 * channels];
        k[channels] = 3f32.ln() * (width as f32).sqrt();
        let v: Vec<f32> = (0..2 * channels).map(|i| (i % 5) as f32 - 2.0).collect();
        let (first, second) = v.split_at(channels);
        let both = first.iter().zip(second).enumerate();
        let seen = both.map(|(i, (a, b))| match i < width {
            true => (a + 3.0 * b) / 4.0,
            false => (a + b) / 2.0,
        });
        let expected: Vec<f32> = first.iter().copied().chain(seen).collect();
        let [q, k, v] = [vec![1.0; 2 * channels], k, v]
            .map(|values| self.activations(&values, [1, 2, channels]));
        let y = super::attention(q, k, v, 2, true);
        self.check("attention", y, &expected).await
    }

    fn activations<const D: usize>(&self, values: &[f32], shape: [usize; D]) -> Tensor<D> {
        let data = TensorData::new(values.to_vec(), shape);
        Tensor::<D>::from_data(data, self.device).cast(self.dtype)
    }

    async fn check<const D: usize>(
        &mut self,
        kernel: &str,
        actual: Tensor<D>,
        expected: &[f32],
    ) -> Result<()> {
        let tolerance = match actual.dtype() {
            DType::F16 => 1e-3,
            _ => 1e-4,
        };
        let failed = |problem: String| Error::Device {
            problem: format!("its answer to {kernel} {problem}"),
        };
        let unread = |problem: String| failed(format!("cannot be read: {problem}"));
        let data = actual.cast(DType::F32).into_data_async().await;
        let data = data.map_err(|error| unread(error.to_string()))?;
        let actual = data.try_into_vec::<f32>();
        let actual = actual.map_err(|error| unread(error.to_string()))?;
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= tolerance * b.abs().max(1.0);
        if actual.len() != expected.len() || !actual.iter().zip(expected).all(close) {
            return Err(failed("is wrong".into()));
        }
        self.done += 1;
        (self.progress)(self.done, self.all)
    }
}

/// The pixels around a pixel, channel by channel, zero outside the picture.
fn patch(picture: &[f32], [y, x]: [usize; 2], channels: usize) -> Vec<f32> {
    let mut patch = Vec::with_capacity(9 * channels);
    for dy in 0..3 {
        for dx in 0..3 {
            // Counted from one outside the picture.
            let (y, x) = (y + dy, x + dx);
            match (1..=SIDE).contains(&y) && (1..=SIDE).contains(&x) {
                true => {
                    let at = ((y - 1) * SIDE + x - 1) * channels;
                    patch.extend_from_slice(&picture[at..at + channels]);
                }
                false => patch.extend(std::iter::repeat_n(0.0, channels)),
            }
        }
    }
    patch
}

/// GEGLU of a row whose gates are wide.
fn gate(row: &[f32]) -> Vec<f32> {
    let (values, gates) = row.split_at(ROWS / 2);
    let pairs = values.iter().zip(gates);
    pairs.map(|(value, gate)| value * gate.max(0.0)).collect()
}

fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
