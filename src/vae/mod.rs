//! The autoencoder between pictures and latents [`AutoencoderKL`]. Encoder and decoder are loaded apart: drawing from text
//! needs the decoder alone. Both take a picture whole or, where it is large, in strips, with the same result.

mod config;
mod decoder;
mod encoder;
mod latent_rgb;
mod mid;
mod strips;

use std::fmt::Arguments;

use burn::tensor::Tensor;

pub use config::VaeConfig;
pub use decoder::Decoder;
pub use encoder::{Encoder, LatentDistribution};
pub use latent_rgb::LatentRgb;

/// Epsilon of every norm of the VAE; no field of its config [`Encoder`, `Decoder` in diffusers].
const EPS: f64 = 1e-6;

/// Is shown what a part of the network gives: the name of its module in diffusers, and its output as strips from the top,
/// each `[batch, rows, width, channels]`.
pub type Observe<'a> = dyn FnMut(Arguments, &[Tensor<4>]) + 'a;
