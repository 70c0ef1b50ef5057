//! Stable Diffusion XL 1.0, base and refiner, on WebGPU in a browser tab, and on the CPU as its reference.
//!
//! ```text
//! prompt -> tokenizer -> text_encoder (CLIP-L, OpenCLIP-G) -> conditioning { context, pooled + size ids }
//! noise(seed) -> sampling(base unet, sigmas[..k]) -> sampling(refiner unet, sigmas[k..]) -> vae -> image -> PNG
//! safetensors -> weights { names, quantize, shards + manifest } -> IndexedDB | folder -> GPU
//! ```
//!
//! [`Pipeline`] is the way in: it takes a [`Request`] and draws an [`Image`].

pub mod bench;
pub mod conditioning;
pub mod device;
pub mod error;
mod image;
pub mod kernels;
pub mod lora;
pub mod nn;
pub mod noise;
pub mod pipeline;
mod precision;
pub mod preset;
pub mod prompt;
pub mod request;
pub mod sampling;
pub mod text_encoder;
pub mod tokenizer;
pub mod unet;
pub mod vae;
#[cfg(target_arch = "wasm32")]
pub mod web;
pub mod weights;

pub use error::{Error, Result};
pub use image::{Image, Mask};
pub use pipeline::Pipeline;
pub use precision::Precision;
pub use request::{Inputs, Request};
