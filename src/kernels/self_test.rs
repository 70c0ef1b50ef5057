//! A look at whether the kernels work on this device at all.
//!
//! In a browser a shader that does not compile is only logged: its output is then whatever the buffer held. So each kernel
//! is run once, before the first picture, on a small case whose answer is known.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::{GroupNormOptions, Packing, Weight, Window};
use crate::weights::{Encoding, quantize};
use crate::{Error, Precision, Result};

const COLUMNS: usize = 36;
const ROWS: usize = 3;

/// Runs every kernel on `device`, in each of `precisions`, and those that read weights in each of `encodings`.
pub async fn self_test(
    device: &Device,
    encodings: &[Encoding],
    precisions: &[Precision],
) -> Result<()> {
    for precision in precisions {
        run(device, encodings, precision.dtype()).await?;
    }
    Ok(())
}

async fn run(device: &Device, encodings: &[Encoding], dtype: DType) -> Result<()> {
    let values: Vec<f32> = (0..ROWS * COLUMNS)
        .map(|i| {
            if i % 4 == 0 {
                127.0
            } else {
                (i % 7) as f32 - 3.0
            }
        })
        .collect();
    let x: Vec<f32> = (0..2 * COLUMNS).map(|i| (i % 5) as f32 - 2.0).collect();
    for &encoding in encodings {
        let stored = quantize::encode(&values, &[ROWS, COLUMNS], encoding).map_err(|error| {
            Error::Device {
                problem: error.to_string(),
            }
        })?;
        let values = quantize::decode(&stored, &[ROWS, COLUMNS], encoding);
        let packing = Packing {
            encoding,
            rows: ROWS,
            columns: COLUMNS,
        };
        let weight = Weight::from_bytes(&stored, packing, device);
        let bias = vector(vec![0.5; ROWS], device).unsqueeze();

        let expected: Vec<f32> = x
            .chunks(COLUMNS)
            .flat_map(|x| values.chunks(COLUMNS).map(|w| dot(x, w) + 0.5))
            .collect();
        let input = activations(x.clone(), [2, COLUMNS], device, dtype);
        check(
            "linear",
            super::linear(input, &weight, &bias, None),
            &expected,
        )
        .await?;

        // A picture of one pixel under a 3x3 kernel sees the centre tap only.
        let pixel = &x[..COLUMNS / 9];
        let centre = 4 * pixel.len();
        let expected: Vec<f32> = values
            .chunks(COLUMNS)
            .map(|w| dot(pixel, &w[centre..centre + pixel.len()]) + 0.5)
            .collect();
        let input = activations(pixel.to_vec(), [1, 1, 1, pixel.len()], device, dtype);
        let window = Window {
            input: [1, 1],
            resized: [1, 1],
            output: [1, 1],
            kernel: [3, 3],
            stride: 1,
            padding: [1, 1],
        };
        check(
            "conv2d",
            super::conv2d(input, &weight, &bias, None, window),
            &expected,
        )
        .await?;

        let ids = Tensor::<1, Int>::from_data(TensorData::from([2u32, 0]), (device, DType::U32));
        let expected = [&values[2 * COLUMNS..], &values[..COLUMNS]].concat();
        check("embedding", super::embedding(&weight, ids), &expected).await?;
    }

    // Minus one and one: mean 0, variance 1.
    let (gamma, beta) = (vector(vec![2.0; 4], device), vector(vec![1.0; 4], device));
    let signs = vec![-1.0, 1.0, -1.0, 1.0];
    let input = activations(signs.clone(), [1, 4], device, dtype);
    check(
        "layer_norm",
        super::layer_norm(input, &gamma, &beta, 0.0),
        &[-1.0, 3.0, -1.0, 3.0],
    )
    .await?;
    let input = activations(signs, [1, 1, 1, 4], device, dtype);
    let options = GroupNormOptions {
        groups: 2,
        eps: 0.0,
        silu: true,
    };
    let statistics = super::group_norm_statistics(input.clone());
    let silu = |x: f32| x / (1.0 + (-x).exp());
    let expected = [silu(-1.0), silu(3.0), silu(-1.0), silu(3.0)];
    check(
        "group_norm",
        super::group_norm(input, &statistics, &gamma, &beta, options),
        &expected,
    )
    .await?;

    // No gate, and one so wide that the GELU is the identity.
    let input = activations(vec![3.0, -2.0, 0.0, 8.0], [1, 4], device, dtype);
    check("geglu", super::geglu(input), &[0.0, -16.0]).await?;

    for width in [4, 68] {
        attention(width, device, dtype).await?;
    }
    Ok(())
}

/// Two tokens, causal, in two heads of this width: the first sees its own value alone; the second weighs both values by 1
/// and 3 in the first head, and equally in the second, where there are no scores.
async fn attention(width: usize, device: &Device, dtype: DType) -> Result<()> {
    let channels = 2 * width;
    let mut k = vec![0.0; 2 * channels];
    k[channels] = 3f32.ln() * (width as f32).sqrt();
    let v: Vec<f32> = (0..2 * channels).map(|i| (i % 5) as f32 - 2.0).collect();
    let (first, second) = v.split_at(channels);
    let seen = first.iter().zip(second).enumerate().map(|(i, (a, b))| {
        if i < width {
            (a + 3.0 * b) / 4.0
        } else {
            (a + b) / 2.0
        }
    });
    let expected: Vec<f32> = first.iter().copied().chain(seen).collect();
    let [q, k, v] = [vec![1.0; 2 * channels], k, v]
        .map(|values| activations(values, [1, 2, channels], device, dtype));
    check("attention", super::attention(q, k, v, 2, true), &expected).await
}

fn activations<const D: usize>(
    values: Vec<f32>,
    shape: [usize; D],
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    Tensor::<D>::from_data(TensorData::new(values, shape), device).cast(dtype)
}

fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

async fn check<const D: usize>(kernel: &str, actual: Tensor<D>, expected: &[f32]) -> Result<()> {
    let tolerance = match actual.dtype() {
        DType::F16 => 1e-3,
        _ => 1e-4,
    };
    let failed = |problem: String| Error::Device {
        problem: format!("its answer to {kernel} {problem}"),
    };
    let data = actual
        .cast(DType::F32)
        .into_data_async()
        .await
        .map_err(|error| failed(format!("cannot be read: {error}")))?;
    let actual = data
        .try_into_vec::<f32>()
        .map_err(|error| failed(format!("cannot be read: {error}")))?;
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= tolerance * b.abs().max(1.0);
    if actual.len() != expected.len() || !actual.iter().zip(expected).all(close) {
        return Err(failed("is wrong".into()));
    }
    Ok(())
}
