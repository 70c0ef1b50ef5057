//! What a text encoder is given of a prompt: pieces of text with weights, cut into chunks of the length that it reads.

mod chunks;
mod emphasis;
mod fragments;
mod reading;

use serde::{Deserialize, Serialize};

pub use chunks::{Chunk, chunks};
pub use emphasis::{renormalised, weighted};
pub use fragments::{Fragment, fragments};
pub use reading::{Piece, Reading, reading};

/// How a prompt is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PromptSyntax {
    /// As nothing but text, of which is cut off what does not fit: as diffusers does it.
    #[default]
    Plain,
    /// With the weights and breaks of the web UI's syntax (see [`fragments`]); what does not fit goes on in further chunks.
    Weighted,
}
