//! The engine's numbers against those of diffusers: every case of a reference set, on the CPU and on wgpu.
//!
//! ```text
//! cargo test --release --test reference                            the committed set
//! ./build.sh check-reference DIR                                   another one, from make_reference.py
//! cargo test --release --test reference -- --markdown docs/PARITY.md
//! ```
//!
//! wgpu needs a Vulkan driver; `./build.sh` finds Chromium's software one by itself.
#![cfg_attr(target_arch = "wasm32", allow(unused, reason = "a native program"))]
#![allow(missing_docs, reason = "a program has no readers from outside")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[cfg(not(target_arch = "wasm32"))]
#[path = "cases.rs"]
mod cases;
#[cfg(not(target_arch = "wasm32"))]
mod folder;
#[cfg(not(target_arch = "wasm32"))]
mod parity;
#[cfg(not(target_arch = "wasm32"))]
mod program;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    program::main()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
