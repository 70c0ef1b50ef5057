//! The autoencoder between pictures and latents [`AutoencoderKL`]. Encoder and decoder are loaded apart: drawing from text
//! needs the decoder alone.

mod config;
mod decoder;
mod encoder;
mod mid;

pub use config::VaeConfig;
pub use decoder::Decoder;
pub use encoder::{Encoder, LatentDistribution};

/// Epsilon of every norm of the VAE; no field of its config [`Encoder`, `Decoder` in diffusers].
const EPS: f64 = 1e-6;
