//! Checkpoints, packing, and reading what was packed; every refusal by name.
#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, reason = "tests are named by sentences")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

mod allocations;
mod headers;
mod lent_parts;
mod lora;
mod manifests;
mod names;
mod packing;
mod random_bytes;
mod shards;
mod tiny_model;
mod wrong_models;
