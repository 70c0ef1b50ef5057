//! A weight matrix on the device, in the encoding it has in the model's files.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::weights::Encoding;

/// A matrix of encoded values as 32-bit words; see [`crate::weights`] for the layout of each encoding.
#[derive(Debug, Clone)]
pub struct Weight {
    /// The bytes of the tensor's entry, four to a word.
    pub words: Tensor<1, Int>,
    /// How to read them.
    pub packing: Packing,
}

/// How a matrix lies in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    /// Storage of the values.
    pub encoding: Encoding,
    /// Output features.
    pub rows: usize,
    /// Input features; for a convolution kernel_height * kernel_width * channels.
    pub columns: usize,
}

impl Weight {
    /// Uploads a matrix as [`crate::weights::quantize::encode`] wrote it.
    pub fn from_bytes(bytes: &[u8], packing: Packing, device: &Device) -> Self {
        let words = words(bytes);
        let count = words.len();
        let words = TensorData::new(words, [count]);
        // Persistent: weights outlive every activation, and a buffer of their exact size wastes nothing.
        let words = device.memory_persistent_allocations(words, |words| {
            Tensor::from_data(words, (device, DType::U32))
        });
        Self { words, packing }
    }
}

/// Little-endian words; an odd count of f16 values is padded with zeros.
fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |chunk: &[u8]| {
        chunk
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u32::from(byte))
    };
    bytes.chunks(4).map(word).collect()
}

impl Packing {
    /// The WGSL function `weight4` for this encoding.
    pub(super) fn decoder(self) -> (&'static str, &'static str) {
        match self.encoding {
            Encoding::F32 => ("f32", include_str!("decode_f32.wgsl")),
            Encoding::F16 => ("f16", include_str!("decode_f16.wgsl")),
            Encoding::Q8 => ("q8", include_str!("decode_q8.wgsl")),
            Encoding::Q4 => ("q4", include_str!("decode_q4.wgsl")),
        }
    }
}
