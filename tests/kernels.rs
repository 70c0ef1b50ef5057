//! Each GPU kernel against its plain twin, on shapes that do and do not divide the tiles.
//!
//! They need a Vulkan driver; Chromium's software one will do, which `./build.sh test native` finds by itself:
//! `VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json cargo test --release --test kernels`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test may fail, and has no readers from outside"
)]

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use sdxl_web::kernels::{self, GroupNormOptions, Packing, Tuning, Weight, Window};
use sdxl_web::weights::{Encoding, quantize};
use sdxl_web::{
    Precision,
    device::{self, Gpu},
    noise::Generator,
};

const ENCODINGS: [Encoding; 4] = [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4];

fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| match pollster::block_on(device::open()) {
        Ok(gpu) => {
            if Precision::F16.check(&gpu.device).is_err() {
                println!("this device has no f16: the kernels are compared in f32 alone (Mesa's lavapipe has it)");
            }
            gpu
        }
        Err(error) => panic!("{error} (set VK_DRIVER_FILES to the driver of Chromium's SwiftShader or of Mesa's lavapipe)"),
    })
}

fn precisions() -> &'static [Precision] {
    match Precision::F16.check(&gpu().device).is_ok() {
        true => &[Precision::F32, Precision::F16],
        false => &[Precision::F32],
    }
}

/// Where a kernel runs, and in what.
struct On<'a> {
    device: &'a Device,
    precision: Precision,
}

impl On<'_> {
    /// Rounded to the precision on both devices, but in f32 for the twins, which are plain.
    fn activations<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let rounded = x.cast(self.precision.dtype());
        match self.is_twin() {
            true => rounded.cast(DType::F32),
            false => rounded,
        }
    }

    fn is_twin(&self) -> bool {
        *self.device == Device::flex()
    }
}

/// Between them every variant of every kernel: of GPUs, with matrix products in large tiles or small ones, and of software
/// adapters; on a device of unknown speed, and on one so slow that everything is ordered in as many dispatches as can be.
fn tunings() -> [Tuning; 4] {
    let tunings = [
        (true, 0, 0.0),
        (true, u32::MAX, 0.0),
        (true, 0, 1.0),
        (false, 0, 1.0),
    ];
    tunings.map(|(shared, large_tiles_from, speed)| Tuning {
        shared,
        large_tiles_from,
        speed,
        ..Tuning::default()
    })
}

/// There is one tuning for the process, and one test at a time may set it.
static TUNED: Mutex<()> = Mutex::new(());

/// Runs `work` on both devices, in each precision and variant, and compares. The limits are that of one pass in f32, and, for
/// f16, the rounding of the output (a third of 2^-10) with room to spare.
fn compare<const D: usize>(what: &str, work: impl Fn(&On) -> Tensor<D>) {
    let _tuned = TUNED.lock().unwrap_or_else(PoisonError::into_inner);
    for &precision in precisions() {
        let read = |device: &Device| {
            let output = work(&On { device, precision });
            let output = output.cast(DType::F32).into_data_async();
            let data = pollster::block_on(output).unwrap();
            (data.shape().clone(), data.try_into_vec::<f32>().unwrap())
        };
        let (plain_shape, plain) = read(&Device::flex());
        let limit = match precision {
            Precision::F32 => 1e-5,
            Precision::F16 => 1e-3,
        };
        for tuning in tunings() {
            kernels::tune(tuning);
            let (gpu_shape, gpu) = read(&gpu().device);
            let what = format!("{what}, {precision:?}, {tuning:?}");
            assert_eq!(gpu_shape, plain_shape, "{what}");
            let square = |values: &mut dyn Iterator<Item = f32>| {
                values.map(|v| f64::from(v).powi(2)).sum::<f64>()
            };
            let difference = square(&mut gpu.iter().zip(&plain).map(|(a, b)| a - b));
            let rms = (difference / square(&mut plain.iter().copied())).sqrt();
            println!("{what}: rms {rms:.1e}");
            assert!(rms <= limit, "{what}: rms {rms:e} of {plain_shape:?}");
        }
    }
}

fn normal<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(Generator::new(seed).normal(shape.iter().product()), shape),
        device,
    )
}

fn weight(encoding: Encoding, rows: usize, columns: usize, device: &Device) -> Weight {
    let values = Generator::new(7).normal(rows * columns);
    let bytes = quantize::encode(&values, &[rows, columns], encoding).unwrap();
    Weight::from_bytes(
        &bytes,
        Packing {
            encoding,
            rows,
            columns,
        },
        device,
    )
}

/// Weights of SDXL's size are compared in the encoding that they have by default.
fn is_left_out(encoding: Encoding, values: usize) -> bool {
    encoding != Encoding::Q8 && values > 1 << 17
}

/// Ragged ones, then SDXL's: time embeddings, prompts of both encoders, and the deepest and widest of its transformers'
/// layers over a few tokens.
const PRODUCTS: [[usize; 3]; 22] = [
    [1, 32, 64],
    [77, 96, 33],
    [64, 64, 64],
    [130, 70, 65],
    [3, 1, 1],
    [2, 63, 3],
    [8, 260, 10],
    [9, 260, 10],
    [200, 45, 129],
    [128, 16, 128],
    [129, 17, 257],
    [65, 320, 640],
    [2, 320, 1280],
    [2, 2816, 1280],
    [2, 1280, 320],
    [77, 768, 768],
    [77, 768, 3072],
    [154, 2048, 640],
    [154, 1280, 1280],
    [128, 640, 640],
    [96, 1280, 2560],
    [70, 5120, 1280],
];

#[test]
fn linear_is_its_twin() {
    for encoding in ENCODINGS {
        for [rows, inputs, outputs] in PRODUCTS {
            if is_left_out(encoding, inputs * outputs) {
                continue;
            }
            let what = format!("linear {encoding} {rows}x{inputs}x{outputs}");
            compare(&what, |on| {
                let weight = weight(encoding, outputs, inputs, on.device);
                let x = on.activations(normal(1, [rows, inputs], on.device));
                kernels::linear(x, &weight, &normal(2, [1, outputs], on.device), None)
            });
        }
    }
}

/// [rows, inputs, outputs] and runs of rows with a bias of their own.
const ADDED: [([usize; 3], usize); 8] = [
    ([2, 64, 6], 2),
    ([6, 33, 10], 3),
    ([64, 32, 128], 1),
    ([100, 36, 66], 4),
    ([130, 20, 262], 2),
    ([129, 64, 2], 1),
    ([256, 45, 140], 2),
    ([154, 640, 320], 2),
];

#[test]
fn linear_with_biases_and_a_residual_is_its_twin() {
    for encoding in ENCODINGS {
        for ([rows, inputs, outputs], runs) in ADDED {
            for gated in [false, true] {
                let what = format!(
                    "linear {encoding} {rows}x{inputs}x{outputs}, {runs} biases, gated {gated}"
                );
                compare(&what, |on| {
                    let weight = weight(encoding, outputs, inputs, on.device);
                    let x = on.activations(normal(1, [rows, inputs], on.device));
                    let bias = normal(2, [runs, outputs], on.device);
                    let residual = on.activations(normal(3, [rows, outputs], on.device));
                    let product = match gated {
                        true => kernels::linear_geglu,
                        false => kernels::linear,
                    };
                    product(x, &weight, &bias, Some(residual))
                });
            }
        }
    }
}

#[test]
fn convolution_is_its_twin() {
    // [batch, height, width, inputs, outputs], kernel, stride, padding before and after, size it is resized to
    let same = |shape: [usize; 5]| (shape, 3, 1, [1, 1], [shape[1], shape[2]]);
    let cases = [
        same([1, 8, 8, 32, 64]),
        same([2, 7, 5, 12, 20]),
        same([1, 9, 11, 3, 7]),
        same([1, 1, 1, 4, 3]),
        same([1, 33, 17, 36, 65]),
        same([2, 12, 12, 4, 320]),
        same([2, 9, 10, 320, 4]),
        same([1, 8, 9, 320, 640]),
        same([1, 6, 5, 960, 320]),
        same([1, 4, 5, 1280, 1280]),
        same([1, 3, 4, 2560, 640]),
        ([2, 9, 7, 16, 24], 3, 2, [1, 1], [9, 7]),
        ([1, 8, 10, 16, 5], 3, 2, [0, 1], [8, 10]),
        ([2, 10, 8, 320, 320], 3, 2, [1, 1], [10, 8]),
        ([1, 4, 6, 12, 16], 3, 1, [1, 1], [8, 12]),
        ([1, 3, 4, 640, 640], 3, 1, [1, 1], [6, 8]),
        ([2, 3, 4, 5, 6], 3, 1, [1, 1], [5, 7]),
        ([1, 6, 6, 8, 9], 1, 2, [0, 0], [6, 6]),
        ([1, 10, 10, 4, 4], 5, 1, [2, 2], [10, 10]),
    ];
    for encoding in ENCODINGS {
        for ([batch, height, width, inputs, outputs], kernel, stride, padding, resized) in cases {
            let window = Window {
                input: [height, width],
                resized,
                output: resized.map(|size| (size + padding[0] + padding[1] - kernel) / stride + 1),
                kernel: [kernel; 2],
                stride,
                padding: [padding[0] as isize; 2],
            };
            if is_left_out(encoding, kernel * kernel * inputs * outputs) {
                continue;
            }
            let what = format!(
                "conv2d {encoding} {batch}x{height}x{width}x{inputs} -> {outputs} {window:?}"
            );
            compare(&what, |on| {
                let weight = weight(encoding, outputs, kernel * kernel * inputs, on.device);
                let x = on.activations(normal(1, [batch, height, width, inputs], on.device));
                let bias = normal(2, [batch, outputs], on.device);
                let shape = [batch, window.output[0], window.output[1], outputs];
                let residual = on.activations(normal(3, shape, on.device));
                kernels::conv2d(x, &weight, &bias, Some(residual), window)
            });
        }
    }
}

#[test]
fn embedding_is_its_twin() {
    for encoding in ENCODINGS {
        for [rows, columns] in [[9, 32], [5, 33], [70, 96], [4, 1]] {
            compare(&format!("embedding {encoding} {rows}x{columns}"), |on| {
                let ids: Vec<u32> = (0..2 * rows as u32).map(|i| i * 7 % rows as u32).collect();
                let ids = Tensor::<1, Int>::from_data(
                    TensorData::from(ids.as_slice()),
                    (on.device, DType::U32),
                );
                kernels::embedding(&weight(encoding, rows, columns, on.device), ids)
            });
        }
    }
}

/// A convolution made some rows at a time, each part from the rows that it reads alone.
#[test]
fn a_convolution_in_parts_is_its_twin_and_the_whole() {
    let (height, width, inputs, outputs) = (12, 5, 8, 6);
    for (resized, stride, padding) in [
        ([12, 5], 1, [1, 1]),
        ([24, 10], 1, [1, 1]),
        ([12, 5], 2, [0, 1]),
    ] {
        let window = Window {
            input: [height, width],
            resized,
            output: resized.map(|size| (size + padding[0] + padding[1] - 3) / stride + 1),
            kernel: [3; 2],
            stride,
            padding: [padding[0] as isize; 2],
        };
        for rows in [1, 2, 5, 24] {
            let run = |on: &On, rows: usize| {
                let weight = weight(Encoding::Q8, outputs, 9 * inputs, on.device);
                let x = on.activations(normal(1, [2, height, width, inputs], on.device));
                let bias = normal(2, [1, outputs], on.device);
                let parts = (0..window.output[0]).step_by(rows).map(|first| {
                    let last = (first + rows).min(window.output[0]);
                    let (needed, window) = window.rows(first..last);
                    let x = x.clone().narrow(1, needed.start, needed.len());
                    kernels::conv2d(x, &weight, &bias, None, window)
                });
                Tensor::cat(parts.collect(), 1)
            };
            let what = format!("conv2d {resized:?} by {stride}, {rows} rows at a time");
            compare(&what, |on| run(on, rows));
            compare(&what, |on| match on.is_twin() {
                true => run(on, window.output[0]),
                false => run(on, rows),
            });
        }
    }
}

fn group_norm(x: Tensor<4>, statistics: &Tensor<4>, groups: usize, silu: bool) -> Tensor<4> {
    let ([_, _, _, channels], device) = (x.dims(), x.device());
    let options = GroupNormOptions {
        groups,
        eps: 1e-5,
        silu,
    };
    let (gamma, beta) = (
        normal(2, [channels], &device),
        normal(3, [channels], &device),
    );
    kernels::group_norm(x, statistics, &gamma, &beta, options)
}

/// Pictures of less than one slice, of one, and of several with a ragged last one; groups of one channel, of all, and of more
/// than a workgroup has threads; channels that do not come in fours, and groups that do not.
const NORMED: [([usize; 4], usize); 30] = [
    ([1, 8, 8, 64], 16),
    ([2, 5, 7, 12], 3),
    ([1, 1, 1, 8], 2),
    ([1, 33, 31, 32], 32),
    ([2, 20, 20, 30], 1),
    ([2, 32, 32, 8], 4),
    ([2, 65, 33, 12], 3),
    ([1, 4, 8, 6], 3),
    ([1, 3, 11, 5], 5),
    ([3, 9, 4, 7], 1),
    ([1, 16, 2, 260], 2),
    ([2, 6, 6, 140], 1),
    ([1, 2, 3, 63], 9),
    ([5, 1, 40, 36], 6),
    ([1, 17, 2, 1], 1),
    ([2, 1, 31, 66], 11),
    ([4, 8, 4, 2], 1),
    ([1, 1, 1, 1024], 8),
    // The demo model's.
    ([2, 16, 16, 64], 16),
    ([2, 8, 8, 96], 16),
    ([2, 4, 4, 160], 16),
    ([2, 4, 4, 320], 16),
    ([1, 48, 32, 96], 8),
    ([1, 64, 64, 32], 8),
    // SDXL's narrowest and widest, and one whose pictures are so large that a slice is longer than the shortest.
    ([1, 24, 16, 320], 32),
    ([2, 16, 16, 640], 32),
    ([2, 8, 8, 1920], 32),
    ([2, 8, 8, 2560], 32),
    ([1, 24, 24, 512], 32),
    ([1, 104, 1376, 128], 32),
];

#[test]
fn group_norm_is_its_twin() {
    for (shape, groups) in NORMED {
        let x = |on: &On| on.activations(normal(1, shape, on.device) * 3.0 + 5.0);
        compare(&format!("group_norm_statistics {shape:?}"), |on| {
            kernels::group_norm_statistics(x(on))
        });
        for silu in [false, true] {
            compare(
                &format!("group_norm {shape:?} / {groups}, silu {silu}"),
                |on| {
                    let statistics = kernels::group_norm_statistics(x(on));
                    group_norm(x(on), &statistics, groups, silu)
                },
            );
        }
    }
}

/// The statistics of parts with means far apart, joined, are those of the whole.
#[test]
fn group_norm_of_parts_is_that_of_the_whole() {
    // The first are small enough to be cut into many parts.
    for &(shape, groups) in &NORMED[..8] {
        let [batch, height, width, _] = shape;
        for rows in [1, 3, 7, height] {
            compare(
                &format!("group_norm {shape:?} / {groups}, {rows} rows at a time"),
                |on| {
                    let slope = Tensor::arange(0..height as i64, on.device).float();
                    let slope = slope
                        .reshape([1, height, 1, 1])
                        .expand([batch, height, width, 1]);
                    let x = on.activations(normal(1, shape, on.device) * 3.0 + slope);
                    let part = |first| x.clone().narrow(1, first, rows.min(height - first));
                    let firsts = || (0..height).step_by(rows);
                    if on.is_twin() {
                        let statistics = kernels::group_norm_statistics(x.clone());
                        return group_norm(x, &statistics, groups, true);
                    }
                    let of = |first| kernels::group_norm_statistics(part(first));
                    let statistics = Tensor::cat(firsts().map(of).collect(), 0);
                    let parts =
                        firsts().map(|first| group_norm(part(first), &statistics, groups, true));
                    Tensor::cat(parts.collect(), 1)
                },
            );
        }
    }
}

/// More than there may be workgroups along one axis of a dispatch.
const MANY_ROWS: [usize; 2] = [65_537, 3];

#[test]
fn layer_norm_is_its_twin() {
    let ragged = [1, 3, 15, 16, 17, 77]
        .into_iter()
        .flat_map(|rows| [2, 5, 261, 68].map(|width| [rows, width]));
    // The demo model's and SDXL's own; more than there may be workgroups.
    let own = [
        [154, 64],
        [512, 96],
        [32, 160],
        [40, 640],
        [20, 768],
        [20, 1280],
        [9, 2048],
        MANY_ROWS,
    ];
    for [rows, width] in ragged.chain(own) {
        compare(&format!("layer_norm {rows}x{width}"), |on| {
            let x = on.activations(normal(1, [rows, width], on.device) * 3.0 + 5.0);
            kernels::layer_norm(
                x,
                &normal(2, [width], on.device),
                &normal(3, [width], on.device),
                1e-5,
            )
        });
    }
}

/// [batch, queries, keys, heads, width], causal
type Attended = ([usize; 5], bool);

fn attention_is_its_twin(cases: &[Attended], what: &str, change: impl Fn(Tensor<3>) -> Tensor<3>) {
    for &([batch, queries, keys, heads, width], causal) in cases {
        compare(
            &format!(
                "attention{what} {batch}x{queries}x{keys}, {heads} heads of {width}, causal {causal}"
            ),
            |on| {
                let x = |seed, tokens| {
                    on.activations(change(normal(
                        seed,
                        [batch, tokens, heads * width],
                        on.device,
                    )))
                };
                kernels::attention(x(1, queries), x(2, keys), x(3, keys), heads, causal)
            },
        );
    }
}

/// Heads of less than one slab of channels, of one, of several with a ragged last one, and of more than a workgroup has.
#[test]
fn attention_of_any_width_is_its_twin() {
    let widths = [
        1, 5, 8, 12, 16, 18, 20, 32, 33, 64, 65, 68, 96, 128, 130, 132, 256, 260, 512, 520,
    ];
    let cases = widths.map(|width| ([1, 66, 67, 2, width], false));
    attention_is_its_twin(&cases, "", |x| x);
}

/// Less than one tile of tokens, one, and several with a ragged last one; half a tile of keys; one key.
#[test]
fn attention_of_any_tokens_is_its_twin() {
    let cases = [
        ([1, 1, 1, 1, 64], false),
        ([2, 64, 64, 3, 64], false),
        ([2, 130, 77, 2, 64], false),
        ([1, 3, 1, 2, 16], false),
        ([3, 63, 300, 1, 32], false),
        ([1, 200, 32, 5, 20], false),
        ([1, 1, 160, 2, 8], false),
        ([2, 77, 77, 2, 64], true),
        ([1, 77, 77, 3, 12], true),
        ([1, 200, 200, 2, 80], true),
        ([2, 1, 1, 2, 8], true),
        ([1, 127, 65, 2, 36], false),
        ([1, 129, 129, 1, 64], true),
        ([1, 5, 81, 2, 7], false),
        ([1, 260, 260, 1, 30], true),
        ([3, 17, 49, 2, 68], false),
    ];
    attention_is_its_twin(&cases, "", |x| x);
}

/// The demo model's, and SDXL's at a smaller batch or with fewer heads.
#[test]
fn attention_of_the_models_is_its_twin() {
    let cases = [
        ([2, 16, 16, 5, 32], false),
        ([2, 16, 77, 5, 32], false),
        ([2, 64, 64, 3, 32], false),
        ([2, 64, 77, 3, 32], false),
        ([2, 77, 77, 3, 32], true),
        ([1, 256, 256, 1, 96], false),
        ([1, 1024, 1024, 2, 64], false),
        ([1, 1024, 77, 2, 64], false),
        ([2, 77, 77, 12, 64], true),
        ([1, 300, 300, 1, 512], false),
    ];
    attention_is_its_twin(&cases, "", |x| x);
}

/// Scores of a thousand and more, whose exponentials are infinite in f32; they are whole numbers, and so the same on both.
#[test]
fn attention_of_large_scores_is_its_twin() {
    let cases = [([1, 70, 200, 2, 64], false), ([1, 70, 70, 1, 100], true)];
    attention_is_its_twin(&cases, " of large scores", |x| (x * 16.0).round());
}

#[test]
fn geglu_is_its_twin() {
    let ragged = [1, 3, 77]
        .into_iter()
        .flat_map(|rows| [1, 4, 6, 31, 33, 64, 68, 255].map(|width| [rows, width]));
    let own = [
        [128, 384],
        [32, 640],
        [16, 2560],
        [8, 5120],
        [130, 640],
        MANY_ROWS,
    ];
    for [rows, width] in ragged.chain(own) {
        compare(&format!("geglu {rows}x{width}"), |on| {
            kernels::geglu(on.activations(normal(1, [rows, 2 * width], on.device) * 3.0))
        });
    }
}

#[test]
fn the_self_test_passes_on_both_devices() {
    let tests = [
        (&Device::flex(), &[Precision::F32][..]),
        (&gpu().device, precisions()),
    ];
    let _tuned = TUNED.lock().unwrap_or_else(PoisonError::into_inner);
    for tuning in tunings() {
        kernels::tune(tuning);
        for (device, precisions) in tests {
            let mut told = (0, 0);
            let mut progress = |done, all| {
                told = (done, all);
                Ok(())
            };
            let test = kernels::self_test(device, &ENCODINGS, precisions, &mut progress);
            pollster::block_on(test).unwrap();
            assert!(told.0 > 0 && told.0 == told.1, "{told:?}");
            assert_eq!(kernels::tuning(), tuning);
        }
    }
}

#[test]
fn a_device_is_measured() {
    let _tuned = TUNED.lock().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let clock = || began.elapsed().as_secs_f64();
    let tuning = pollster::block_on(Tuning::measure(&gpu().device, &clock)).unwrap();
    println!("{tuning:?} in {:.1} s", clock());
    assert!(tuning.speed > 0.0);
    assert_eq!(kernels::tuning(), tuning);
}
