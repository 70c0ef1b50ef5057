//! Each GPU kernel, in each of its variants, against its plain twin.
//!
//! They need a Vulkan driver; Chromium's software one will do, which `./build.sh test native` finds by itself:
//! `VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json cargo test --release --test kernels`.
//!
//! What the twins give is also kept, as sketches, for the same comparison in a browser (`tests/web/kernels.rs`). Where a twin
//! gives something else than is kept, that is a failure; if it is meant to, `SKETCHES=write` keeps it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test may fail, and has no readers from outside"
)]

mod cases;
mod sketch;

use std::cell::Cell;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;
use std::{env, fs};

use burn::tensor::Device;
use cases::{Case, ENCODINGS, On, tunings};
use sdxl_web::kernels::{self, Tuning};
use sdxl_web::{
    Precision,
    device::{self, Gpu},
};
use sketch::{Sketch, Sketches};

/// Fewer shapes of a kernel would leave some of its edges out.
const LEAST_CASES: usize = 30;

/// Relative rms: of one pass in f32 and, in f16, of the rounding of the output (a third of 2^-10) with room to spare.
fn limit(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-5,
        Precision::F16 => 1e-3,
    }
}

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

/// There is one tuning for the process, and one test at a time may set it.
static TUNED: Mutex<()> = Mutex::new(());

/// Compares every case of a kernel.
fn compare_all(group: &str, cases: &[Case]) {
    let _tuned = TUNED.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(cases.len() >= LEAST_CASES, "{group}: {} cases", cases.len());
    let mut sketches = Sketches::new();
    let mut failed: Vec<String> = Vec::new();
    for case in cases {
        failed.extend(compare(case, &mut sketches));
    }
    assert_eq!(sketches.len(), cases.len(), "{group}: names of cases");
    failed.extend(keep(group, sketches));
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn linear_is_its_twin() {
    compare_all("linear", &cases::linear());
}

#[test]
fn conv2d_is_its_twin() {
    compare_all("conv2d", &cases::conv2d());
}

#[test]
fn embedding_is_its_twin() {
    compare_all("embedding", &cases::embedding());
}

#[test]
fn group_norm_is_its_twin() {
    compare_all("group_norm", &cases::group_norm());
}

#[test]
fn layer_norm_is_its_twin() {
    compare_all("layer_norm", &cases::layer_norm());
}

#[test]
fn attention_is_its_twin() {
    compare_all("attention", &cases::attention());
}

/// Runs a case on both devices, in each precision and variant; gives what failed.
fn compare(case: &Case, sketches: &mut Sketches) -> Vec<String> {
    let mut failed = Vec::new();
    for &precision in precisions() {
        let run = |device: &Device, is_twin| {
            pollster::block_on(case.run(&On {
                device,
                precision,
                is_twin,
            }))
        };
        let (plain_shape, plain) = run(&Device::flex(), true);
        if precision == Precision::F32 {
            sketches.insert(case.what.clone(), Sketch::of(&plain_shape, &plain));
        }
        for tuning in tunings() {
            kernels::tune(tuning);
            let (shape, values) = run(&gpu().device, false);
            let what = format!("{}, {precision:?}, {tuning:?}", case.what);
            let square = |values: &mut dyn Iterator<Item = f32>| {
                values.map(|v| f64::from(v).powi(2)).sum::<f64>()
            };
            let difference = square(&mut values.iter().zip(&plain).map(|(a, b)| a - b));
            let rms = (difference / square(&mut plain.iter().copied())).sqrt();
            println!("{what}: rms {rms:.1e}");
            if shape != plain_shape || rms.is_nan() || rms > limit(precision) {
                failed.push(format!("{what}: rms {rms:e}, {shape:?} of {plain_shape:?}"));
            }
        }
    }
    failed
}

/// Compares sketches with those that are kept, or keeps them.
fn keep(group: &str, sketches: Sketches) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kernels");
    let path = format!("{folder}/{group}.json");
    if env::var("SKETCHES").is_ok_and(|value| value == "write") {
        let lines: Vec<String> = sketches
            .iter()
            .map(|(what, sketch)| format!("{what:?}: {}", serde_json::to_string(sketch).unwrap()))
            .collect();
        fs::create_dir_all(folder).unwrap();
        fs::write(&path, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
    }
    let kept: Sketches = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let differs = |(what, sketch): (&String, &Sketch)| match kept.get(what) {
        Some(kept) if kept.distance(sketch) <= 1e-6 => None,
        Some(kept) => Some(format!(
            "{what}: the twin is off by {:e}",
            kept.distance(sketch)
        )),
        None => Some(format!("{what}: is not kept")),
    };
    let mut failed: Vec<String> = sketches.iter().filter_map(differs).collect();
    if kept.len() != sketches.len() {
        failed.push(format!(
            "{path}: {} of {} cases",
            kept.len(),
            sketches.len()
        ));
    }
    failed
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

#[test]
fn a_slow_device_is_measured_by_small_products() {
    let _tuned = TUNED.lock().unwrap_or_else(PoisonError::into_inner);
    // Whatever is timed seems to take a second: the first product in large tiles is the last one of all.
    let now = Cell::new(0.0);
    let clock = || now.replace(now.get() + 1.0);
    let tuning = pollster::block_on(Tuning::measure(&gpu().device, &clock)).unwrap();
    assert_eq!(tuning.speed, f64::from(128 * 640 * 1280));
}
