//! The engine's numbers against those of diffusers, in f32 on the CPU, on tiny models with random weights.
//!
//! What is compared lies in `tests/fixtures/reference`, which `tools/fixtures/make.py` makes. Each comparison prints how far
//! it is off: `cargo test --release --test reference -- --nocapture`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "tests are named by sentences")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod compare;
mod conditions;
mod fixture;
mod models;
mod noise;
mod pipelines;
mod schedules;
mod text_encoders;
mod tokens;
mod unets;
mod vae;
