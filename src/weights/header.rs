//! The header of a safetensors file: eight bytes of length, then JSON, then the tensors' bytes without gaps.
//!
//! Read here rather than by the `safetensors` crate because that wants the whole file in memory, and because a refusal
//! must name the tensor. The rules are the format's: <https://github.com/huggingface/safetensors#format>.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use half::bf16;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::widen::widen;
use crate::{Error, Result};

/// Bytes before the JSON: its length, little-endian.
pub const PREFIX: u64 = 8;
/// The longest JSON that is read; the format allows 100 MB, real checkpoints and LoRAs have some hundred kilobytes.
pub const MAX_HEADER: u64 = 16 << 20;

/// The tensors of a file by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Where each tensor lies.
    pub tensors: BTreeMap<String, TensorInfo>,
    /// What the file says of itself (`__metadata__`).
    pub metadata: BTreeMap<String, String>,
}

/// A tensor in a safetensors file.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    /// The type of its values.
    pub dtype: Dtype,
    /// Its shape, row-major.
    pub shape: Vec<usize>,
    /// First byte in the file.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
}

/// The type of a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// 16-bit float.
    F16,
    /// The upper half of a 32-bit float.
    Bf16,
    /// Known to the format, but not a weight's: so many bytes a value.
    Other(u64),
}

impl Dtype {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "F32" => Dtype::F32,
            "F16" => Dtype::F16,
            "BF16" => Dtype::Bf16,
            "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" => Dtype::Other(1),
            "I16" | "U16" => Dtype::Other(2),
            "I32" | "U32" => Dtype::Other(4),
            "I64" | "U64" | "F64" | "C64" => Dtype::Other(8),
            _ => return None,
        })
    }

    /// Bytes of a value.
    pub fn size(self) -> u64 {
        match self {
            Dtype::F32 => 4,
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::Other(size) => size,
        }
    }

    /// The values as f32, or `None` where they are not a weight's.
    pub fn decode(self, bytes: &[u8]) -> Option<Vec<f32>> {
        let halves = || bytes.as_chunks().0.iter();
        Some(match self {
            Dtype::F32 => {
                let words = bytes.as_chunks().0.iter();
                words.map(|&b| f32::from_le_bytes(b)).collect()
            }
            Dtype::F16 => halves().map(|&b| widen(b)).collect(),
            Dtype::Bf16 => halves().map(|&b| bf16::from_le_bytes(b).to_f32()).collect(),
            Dtype::Other(_) => return None,
        })
    }
}

/// Checks the length that a file's first bytes claim for its JSON.
pub fn json_len(file: &str, prefix: [u8; PREFIX as usize], file_len: u64) -> Result<u64> {
    let length = u64::from_le_bytes(prefix);
    if length > MAX_HEADER || length > file_len.saturating_sub(PREFIX) {
        let problem = format!("its header claims {length} bytes; the file has {file_len}");
        return Err(bad(file, None, problem));
    }
    Ok(length)
}

impl Header {
    /// Parses the JSON of a file of `file_len` bytes, and checks that the tensors fill the rest of it exactly.
    pub fn parse(file: &str, json: &[u8], file_len: u64) -> Result<Self> {
        let raw: RawHeader =
            serde_json::from_slice(json).map_err(|source| Error::BadCheckpoint {
                file: file.into(),
                tensor: None,
                problem: format!("its header is not valid: {source}"),
                source: Some(source.into()),
            })?;
        let data = PREFIX.saturating_add(json.len() as u64);
        let mut tensors = BTreeMap::new();
        for (name, raw) in raw.tensors {
            let info = raw
                .check(data, file_len)
                .map_err(|problem| bad(file, Some(&name), problem))?;
            tensors.insert(name, info);
        }
        let mut by_start: Vec<(&String, &TensorInfo)> = tensors.iter().collect();
        by_start.sort_by_key(|(_, info)| (info.start, info.length));
        let mut end = data;
        for (name, info) in by_start {
            if info.start != end {
                let what = if info.start < end {
                    "overlaps another tensor"
                } else {
                    "leaves a gap before it"
                };
                return Err(bad(file, Some(name), what));
            }
            end += info.length;
        }
        if end != file_len {
            return Err(bad(
                file,
                None,
                format!("its tensors end at byte {end}, the file at {file_len}"),
            ));
        }
        Ok(Self {
            tensors,
            metadata: raw.metadata,
        })
    }

    /// Parses the header of a whole file in memory.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self> {
        let length = bytes.len() as u64;
        let Some((&prefix, rest)) = bytes.split_first_chunk() else {
            return Err(bad(file, None, no_file(length)));
        };
        let json = json_len(file, prefix, length)? as usize;
        Self::parse(file, &rest[..json], length)
    }
}

/// What is wrong with a file too short for [`PREFIX`].
pub(super) fn no_file(length: u64) -> String {
    format!("{length} bytes are no safetensors file")
}

impl RawTensor {
    fn check(self, data: u64, file_len: u64) -> std::result::Result<TensorInfo, String> {
        let Some(dtype) = Dtype::parse(&self.dtype) else {
            return Err(format!("has the unknown type {:?}", self.dtype));
        };
        let (first, last) = self.data_offsets;
        let start = data.checked_add(first);
        let end = data.checked_add(last).filter(|&end| end <= file_len);
        let (Some(start), Some(end)) = (start, end) else {
            return Err(format!(
                "claims the bytes {first}..{last}, past the end of the file"
            ));
        };
        let Some(length) = end.checked_sub(start) else {
            return Err(format!(
                "claims the bytes {first}..{last}, which end before they start"
            ));
        };
        let bytes = self
            .shape
            .iter()
            .try_fold(dtype.size(), |product, &n| product.checked_mul(n as u64));
        if bytes != Some(length) {
            return Err(format!(
                "has {length} bytes, not those of {} {:?}",
                self.dtype, self.shape
            ));
        }
        Ok(TensorInfo {
            dtype,
            shape: self.shape,
            start,
            length,
        })
    }
}

fn bad(file: &str, tensor: Option<&str>, problem: impl Into<String>) -> Error {
    Error::BadCheckpoint {
        file: file.into(),
        tensor: tensor.map(Into::into),
        problem: problem.into(),
        source: None,
    }
}

#[derive(Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// The JSON as it stands: a map would silently keep the last of two tensors of the same name.
struct RawHeader {
    tensors: HashMap<String, RawTensor>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<RawHeader, A::Error> {
                let (mut tensors, mut metadata) = (HashMap::new(), BTreeMap::new());
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        metadata = map.next_value()?;
                    } else {
                        let tensor = map.next_value()?;
                        if tensors.contains_key(&name) {
                            return Err(A::Error::custom(format!("tensor `{name}` occurs twice")));
                        }
                        tensors.insert(name, tensor);
                    }
                }
                Ok(RawHeader { tensors, metadata })
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
