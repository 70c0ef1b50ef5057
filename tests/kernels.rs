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

use std::sync::OnceLock;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use sdxl_web::kernels::{self, GroupNormOptions, Packing, Weight, Window};
use sdxl_web::weights::{Encoding, quantize};
use sdxl_web::{device, noise::Generator};

const ENCODINGS: [Encoding; 4] = [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4];

fn gpu() -> &'static Device {
    static GPU: OnceLock<Device> = OnceLock::new();
    GPU.get_or_init(|| match pollster::block_on(device::open()) {
        Ok(gpu) => gpu.device,
        Err(error) => panic!("{error} (set VK_DRIVER_FILES to the driver of Chromium's SwiftShader or of Mesa's lavapipe)"),
    })
}

/// Runs `work` on both devices and compares; the limits are those of one pass in f32.
fn compare<const D: usize>(what: &str, work: impl Fn(&Device) -> Tensor<D>) {
    let read = |device: &Device| {
        let data = pollster::block_on(work(device).into_data_async()).unwrap();
        (data.shape().clone(), data.try_into_vec::<f32>().unwrap())
    };
    let ((plain_shape, plain), (gpu_shape, gpu)) = (read(&Device::flex()), read(gpu()));
    assert_eq!(gpu_shape, plain_shape, "{what}");
    let square =
        |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>();
    let difference = square(&mut gpu.iter().zip(&plain).map(|(a, b)| a - b));
    let rms = (difference / square(&mut plain.iter().copied())).sqrt();
    println!("{what}: rms {rms:.1e}");
    assert!(rms <= 1e-5, "{what}: rms {rms:e} of {plain_shape:?}");
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

#[test]
fn linear_is_its_twin() {
    let shapes = [
        [1, 32, 64],
        [77, 96, 33],
        [64, 64, 64],
        [130, 70, 65],
        [3, 1, 1],
        [2, 63, 3],
        [200, 45, 129],
        [65, 320, 640],
    ];
    for encoding in ENCODINGS {
        for [rows, inputs, outputs] in shapes {
            compare(
                &format!("linear {encoding} {rows}x{inputs}x{outputs}"),
                |device| {
                    let weight = weight(encoding, outputs, inputs, device);
                    kernels::linear(
                        normal(1, [rows, inputs], device),
                        &weight,
                        &normal(2, [outputs], device),
                    )
                },
            );
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
        ([2, 9, 7, 16, 24], 3, 2, [1, 1], [9, 7]),
        ([1, 8, 10, 16, 5], 3, 2, [0, 1], [8, 10]),
        ([1, 4, 6, 12, 16], 3, 1, [1, 1], [8, 12]),
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
                padding: [padding[0]; 2],
            };
            compare(
                &format!(
                    "conv2d {encoding} {batch}x{height}x{width}x{inputs} -> {outputs} {window:?}"
                ),
                |device| {
                    let weight = weight(encoding, outputs, kernel * kernel * inputs, device);
                    let x = normal(1, [batch, height, width, inputs], device);
                    kernels::conv2d(x, &weight, &normal(2, [outputs], device), window)
                },
            );
        }
    }
}

#[test]
fn embedding_is_its_twin() {
    for encoding in ENCODINGS {
        for [rows, columns] in [[9, 32], [5, 33], [70, 96], [4, 1]] {
            compare(
                &format!("embedding {encoding} {rows}x{columns}"),
                |device| {
                    let ids: Vec<u32> = (0..2 * rows as u32).map(|i| i * 7 % rows as u32).collect();
                    let ids = Tensor::<1, Int>::from_data(
                        TensorData::from(ids.as_slice()),
                        (device, DType::U32),
                    );
                    kernels::embedding(&weight(encoding, rows, columns, device), ids)
                },
            );
        }
    }
}

#[test]
fn group_norm_is_its_twin() {
    for ([batch, height, width, channels], groups) in [
        ([1, 8, 8, 64], 16),
        ([2, 5, 7, 12], 3),
        ([1, 1, 1, 8], 2),
        ([1, 33, 31, 32], 32),
        ([2, 20, 20, 30], 1),
    ] {
        for silu in [false, true] {
            compare(
                &format!("group_norm {batch}x{height}x{width}x{channels} / {groups}, silu {silu}"),
                |device| {
                    let x = normal(1, [batch, height, width, channels], device) * 3.0 + 5.0;
                    let options = GroupNormOptions {
                        groups,
                        eps: 1e-5,
                        silu,
                    };
                    kernels::group_norm(
                        x,
                        &normal(2, [channels], device),
                        &normal(3, [channels], device),
                        options,
                    )
                },
            );
        }
    }
}

#[test]
fn layer_norm_is_its_twin() {
    for [rows, width] in [[1, 64], [77, 96], [130, 33], [5, 1280], [3, 2]] {
        compare(&format!("layer_norm {rows}x{width}"), |device| {
            let x = normal(1, [rows, width], device) * 3.0 + 5.0;
            kernels::layer_norm(
                x,
                &normal(2, [width], device),
                &normal(3, [width], device),
                1e-5,
            )
        });
    }
}

#[test]
fn the_self_test_passes_on_both_devices() {
    for device in [&Device::flex(), gpu()] {
        pollster::block_on(kernels::self_test(device, &ENCODINGS)).unwrap();
    }
}
