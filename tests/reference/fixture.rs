//! Reads `NAME.json`, a list of cases, and `NAME.safetensors`, whose tensors are called `CASE.TENSOR`.

use std::fs;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

/// The fixtures' folder.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference")
}

/// The cases called `name`.
pub fn cases<C: DeserializeOwned>(name: &str) -> Vec<C> {
    let json = fs::read(folder().join(format!("{name}.json"))).unwrap();
    let cases: Vec<C> = serde_json::from_slice(&json).unwrap();
    assert!(!cases.is_empty(), "{name}.json has no cases");
    cases
}

/// What diffusers computed, or was given.
pub struct Reference {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// The tensors of one `NAME.safetensors`.
pub struct Tensors {
    bytes: Vec<u8>,
}

impl Tensors {
    pub fn open(name: &str) -> Self {
        let bytes = fs::read(folder().join(format!("{name}.safetensors"))).unwrap();
        Self { bytes }
    }

    pub fn has(&self, case: &str, tensor: &str) -> bool {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        tensors.tensor(&format!("{case}.{tensor}")).is_ok()
    }

    pub fn get(&self, case: &str, tensor: &str) -> Reference {
        let (shape, bytes) = self.data(case, tensor, Dtype::F32);
        let words = bytes.chunks_exact(4).map(|word| word.try_into().unwrap());
        let values = words.map(f32::from_le_bytes).collect();
        Reference { shape, values }
    }

    /// Token ids, one list for each row.
    pub fn ids(&self, case: &str, tensor: &str) -> Vec<Vec<u32>> {
        let (shape, bytes) = self.data(case, tensor, Dtype::I32);
        let words = bytes.chunks_exact(4).map(|word| word.try_into().unwrap());
        let ids: Vec<u32> = words.map(u32::from_le_bytes).collect();
        ids.chunks(shape[1]).map(<[u32]>::to_vec).collect()
    }

    /// Height, width and the levels of a picture.
    pub fn picture(&self, case: &str, tensor: &str) -> (usize, usize, Vec<u8>) {
        let (shape, bytes) = self.data(case, tensor, Dtype::U8);
        assert_eq!(shape.len(), 3, "{case}.{tensor}: axes of a picture");
        (shape[0], shape[1], bytes)
    }

    fn data(&self, case: &str, tensor: &str, dtype: Dtype) -> (Vec<usize>, Vec<u8>) {
        let name = format!("{case}.{tensor}");
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = tensors.tensor(&name).expect(&name);
        assert_eq!(view.dtype(), dtype, "{name}: type");
        (view.shape().to_vec(), view.data().to_vec())
    }
}

impl Reference {
    pub fn tensor<const D: usize>(&self, device: &Device) -> Tensor<D> {
        let data = TensorData::new(self.values.clone(), self.shape.clone());
        Tensor::from_data(data, device)
    }

    /// Rows of a tensor of two axes.
    pub fn rows(&self) -> Vec<Vec<f32>> {
        self.values
            .chunks(self.shape[1])
            .map(<[f32]>::to_vec)
            .collect()
    }
}
