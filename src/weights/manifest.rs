//! `manifest.json`: what a packed model consists of, and the checks that make every number in it safe to use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::validate::bad;
use crate::{Error, Result};

/// The version of the format that this program writes and reads.
pub const FORMAT: u32 = 1;
/// The file name of the manifest, beside the shards.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The largest shard, in plain bytes: one IndexedDB record, one download to repeat, one buffer in the wasm heap.
pub const MAX_SHARD: u64 = 32 << 20;
/// Where tensors and files begin: the widest load of a GPU kernel, a vec4 of f32.
pub const ALIGNMENT: u64 = 16;
/// A packed model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The model's name, for people.
    pub name: String,
    /// Which half of SDXL it is.
    pub kind: Kind,
    /// The scalar fields of `model_index.json`.
    #[serde(default)]
    pub pipeline: serde_json::Map<String, Value>,
    /// The components by diffusers folder name.
    pub components: BTreeMap<ComponentName, Component>,
}

/// The two models of SDXL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text to picture.
    Base,
    /// Finishes the base's latent.
    Refiner,
}

/// The components of a pipeline, spelt as diffusers spells their folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ComponentName {
    /// Noise schedule: a config only.
    #[serde(rename = "scheduler")]
    Scheduler,
    /// CLIP-L.
    #[serde(rename = "text_encoder")]
    TextEncoder,
    /// OpenCLIP-G.
    #[serde(rename = "text_encoder_2")]
    TextEncoder2,
    /// Vocabulary and settings for CLIP-L.
    #[serde(rename = "tokenizer")]
    Tokenizer,
    /// Vocabulary and settings for OpenCLIP-G.
    #[serde(rename = "tokenizer_2")]
    Tokenizer2,
    /// The denoiser.
    #[serde(rename = "unet")]
    Unet,
    /// The autoencoder.
    #[serde(rename = "vae")]
    Vae,
}

/// One component: its config, and a stream of bytes cut into shards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// `config.json` as diffusers writes it (tokenizers: `tokenizer_config` and `special_tokens_map`).
    pub config: Value,
    /// The tensors, in the order of the stream.
    pub tensors: Vec<TensorEntry>,
    /// The files (a tokenizer's), in the order of the stream.
    pub files: Vec<FileEntry>,
    /// The pieces of the stream, in order; each starts where the one before ends.
    pub shards: Vec<ShardEntry>,
}

/// One tensor in its component's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorEntry {
    /// diffusers' name.
    pub name: String,
    /// Row-major; convolutions are `[out, height, width, in]`.
    pub shape: Vec<usize>,
    /// How the values are stored.
    pub encoding: Encoding,
    /// First byte in the stream.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// One file in its component's stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name without folders.
    pub name: String,
    /// First byte in the stream.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// One shard: a file beside the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// File name, without folders.
    pub file: String,
    /// Plain bytes.
    pub length: u64,
    /// SHA-256 of the plain bytes, lower-case hex.
    pub sha256: String,
    /// How the file is compressed, if it is.
    pub compression: Option<Compression>,
    /// Bytes of the file.
    pub stored_length: u64,
}

/// How a tensor's values are stored ([`super::quantize`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// 8-bit integers with a scale for each block.
    Q8,
    /// 4-bit integers with a scale for each block.
    Q4,
}

/// How a shard file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// RFC 1952.
    Gzip,
}

impl ComponentName {
    /// Every component, in the order of the format.
    pub const ALL: [Self; 7] = [
        Self::Scheduler,
        Self::TextEncoder,
        Self::TextEncoder2,
        Self::Tokenizer,
        Self::Tokenizer2,
        Self::Unet,
        Self::Vae,
    ];

    /// diffusers' folder name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::TextEncoder => "text_encoder",
            Self::TextEncoder2 => "text_encoder_2",
            Self::Tokenizer => "tokenizer",
            Self::Tokenizer2 => "tokenizer_2",
            Self::Unet => "unet",
            Self::Vae => "vae",
        }
    }
}

impl std::str::FromStr for ComponentName {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|c| c.as_str()).collect();
                format!(
                    "no component is called `{text}`; there are {}",
                    known.join(", ")
                )
            })
    }
}

impl fmt::Display for ComponentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::F32 => "f32",
            Encoding::F16 => "f16",
            Encoding::Q8 => "q8",
            Encoding::Q4 => "q4",
        })
    }
}

impl Manifest {
    /// Encodings that its tensors have.
    pub fn encodings(&self) -> BTreeSet<Encoding> {
        let components = self.components.values();
        let tensors = components.flat_map(|component| &component.tensors);
        tensors.map(|tensor| tensor.encoding).collect()
    }

    /// Parses and checks a manifest: afterwards every offset, length, shape and file name in it can be relied on.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(json).map_err(|source| Error::BadManifest {
            place: MANIFEST_FILE.into(),
            problem: source.to_string(),
            source: Some(source.into()),
        })?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// The component of that name.
    pub fn component(&self, name: ComponentName) -> Result<&Component> {
        self.components
            .get(&name)
            .ok_or_else(|| bad(name, "the model has no such component"))
    }

    /// Every shard file once, in the order of the components.
    pub fn shards(&self) -> Vec<&ShardEntry> {
        let mut seen = BTreeSet::new();
        let all = self.components.values().flat_map(|c| &c.shards);
        all.filter(|shard| seen.insert(&shard.file)).collect()
    }
}

impl Component {
    /// Bytes of the whole stream.
    pub fn stream_len(&self) -> u64 {
        self.shards.iter().map(|shard| shard.length).sum()
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&TensorEntry> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The file of that name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}
