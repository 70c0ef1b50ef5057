//! The wasm module in a real browser, in a worker, on real WebGPU: `wasm-pack test --release --headless --chrome`.
//!
//! The model is the tiny random one of tests/fixtures/reference, so that what comes out can be held against diffusers.
#![cfg(target_arch = "wasm32")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail, and has no readers from outside"
)]

#[path = "../reference/cases.rs"]
mod cases;
mod fixtures;
mod generator;
#[path = "../kernels/cases.rs"]
mod kernel_cases;
mod kernels;
mod parity;
#[path = "../kernels/sketch.rs"]
mod sketch;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
