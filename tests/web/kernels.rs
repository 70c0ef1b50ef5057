//! Each kernel, in each of its variants, as the browser compiles it, against sketches of what its plain twin gives
//! (`tests/kernels`). Here the variants take turns from shape to shape, there each has them all.

use sdxl_web::Precision;
use sdxl_web::kernels::{Tuning, tune};
use sdxl_web::web::{open_gpu, start};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use super::kernel_cases::{self, Case, On, tunings};
use super::sketch::{Sketch, Sketches};

/// As natively: relative rms, of one pass in f32.
const LIMIT: f64 = 1e-5;

macro_rules! kernels {
    ($($kernel:ident),* $(,)?) => {
        $(#[wasm_bindgen_test]
        async fn $kernel() {
            let sketches = include_str!(concat!("../fixtures/kernels/", stringify!($kernel), ".json"));
            compare_all(stringify!($kernel), kernel_cases::$kernel(), sketches).await;
        })*
    };
}

kernels!(linear, conv2d, embedding, group_norm, layer_norm, attention);

async fn compare_all(kernel: &str, cases: Vec<Case>, sketches: &str) {
    start();
    let device = open_gpu().await.unwrap().device;
    let sketches: Sketches = serde_json::from_str(sketches).unwrap();
    assert_eq!(cases.len(), sketches.len());
    let (mut worst, mut failed) = (0.0, Vec::new());
    let tunings = tunings();
    for (index, case) in cases.into_iter().enumerate() {
        // Encodings have a period of their own, which this one must not share.
        let tuning = tunings[(index + index / tunings.len()) % tunings.len()];
        tune(tuning);
        let on = On {
            device: &device,
            precision: Precision::F32,
            is_twin: false,
        };
        let (shape, values) = case.run(&on).await;
        let rms = sketches[&case.what].distance(&Sketch::of(&shape, &values));
        worst = rms.max(worst);
        if rms.is_nan() || rms > LIMIT {
            failed.push(format!("{}, {tuning:?}: rms {rms:e}", case.what));
        }
    }
    tune(Tuning::default());
    console_log!("{kernel}: {} cases, worst rms {worst:.1e}", sketches.len());
    assert!(failed.is_empty(), "{failed:#?}");
}
