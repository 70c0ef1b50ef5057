//! Low-rank additions to a model's weights, `W + weight * alpha / rank * up · down` (LoRA, arXiv:2106.09685).
//!
//! ```text
//! bytes -> Lora (what the file says) -> fit(manifest) -> FittedLora (which layer of the model each pair is for)
//! FittedLoras with weights -> Adapters -> Model::load_adapted -> an Adapter beside each layer's weight
//! ```
//!
//! They are computed beside the weights, `W x + up (down x)`, not merged into them: quantized weights stay as they are, and
//! another weight or LoRA needs no other base. All LoRAs of a layer are joined along the rank, so a layer costs two small
//! products however many there are, and nothing where there are none.

mod adapter;
mod file;
mod fit;
mod metadata;

pub(crate) use adapter::LowRank;
pub use adapter::{Adapter, Adapters};
pub use file::{Lora, LoraHeader};
pub use fit::FittedLora;
