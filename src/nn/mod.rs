//! The layers that SDXL's networks are made of. Each is a config of plain numbers, `init`ialized from the weights of a
//! checkpoint (names as in diffusers) and then a `forward`. Pictures are channels last: `[batch, height, width, channels]`.

mod conv2d;
mod embedding;
mod linear;
mod norm;
mod resnet;

pub use conv2d::{Conv2d, Conv2dConfig};
pub use embedding::{Embedding, EmbeddingConfig};
pub use linear::{Linear, LinearConfig};
pub use norm::{GroupNorm, GroupNormConfig, LayerNorm, LayerNormConfig};
pub use resnet::{Resnet, ResnetConfig};
