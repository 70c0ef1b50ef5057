//! Weight files: reading checkpoints, packing them, and reading what was packed.
//!
//! A packed model is a folder: `manifest.json` and shards of at most 32 MiB. Each component is one stream of bytes, in
//! which its tensors (a tokenizer's files) lie one after the other, and the stream is cut into shards:
//!
//! ```text
//! manifest.json    format, name, kind, pipeline, components: { unet: { config, tensors, files, shards }, vae: ... }
//!
//! unet's stream    | conv_in.weight |0| conv_in.bias |0| time_embedding... |0| ... | a tensor of 67 MB ...  |0| ... |
//!                  0                ^ multiples of 16, zeros between                                              stream_len
//! its shards       | unet-000.bin                        | unet-001.bin    | unet-002.bin | unet-003.bin | unet-004.bin |
//!                    a new shard rather than a split tensor                  only what is larger than a shard is split
//! ```
//!
//! A shard's start in the stream is the sum of the lengths before it. A shard file is gzip-compressed where that saves
//! 5 % or more; length and SHA-256 in the manifest are those of the plain bytes. Two components with the same bytes
//! (the tokenizers' vocabularies) name the same shard.
//!
//! Tensors have diffusers' names and PyTorch's shapes, except that convolutions are stored `[out, height, width, in]`:
//! then each output channel is one row along which a kernel reads (and a block is quantized) with the input channels
//! innermost. How values are stored is in [`quantize`], which tensor is stored how in [`scheme`].
//!
//! A checkpoint becomes shards in two steps, natively as in the browser: a [`plan`] follows from configs and headers alone; then
//! bytes are read, in any order, and each [`unit`] of shards is made of those that the plan names for it.
//!
//! Why shards, and not one file: each is fetched, checked, stored and uploaded on its own, so that the wasm heap never
//! holds more than one, and a broken download costs one.

mod channels_last;
pub mod checkpoint;
#[cfg(not(target_arch = "wasm32"))]
pub mod disk;
pub mod files;
#[cfg(not(target_arch = "wasm32"))]
pub mod folder;
mod hash;
pub mod header;
pub mod inventory;
mod layout;
mod load;
pub mod manifest;
mod model_files;
pub mod names;
#[cfg(not(target_arch = "wasm32"))]
pub mod pack;
pub mod plan;
mod planner;
pub mod quantize;
pub mod recipe;
pub mod scheme;
#[cfg(not(target_arch = "wasm32"))]
pub mod shard;
pub mod source;
pub mod unit;
mod validate;
mod widen;

pub(crate) use channels_last::channels_last;
pub use hash::sha256_hex;
pub use load::{Resident, Scope, Weights};
pub use manifest::{Component, ComponentName, Encoding, Kind, Manifest};
