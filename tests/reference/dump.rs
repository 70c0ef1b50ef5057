//! Reads `NAME.json`, which lists cases, and `NAME.safetensors`, whose tensors are called `CASE.TENSOR`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One dump; it remembers which of its tensors were asked for.
pub struct Dump {
    json: Value,
    bytes: Vec<u8>,
    /// Of a case's name.
    wanted: fn(&str) -> bool,
    asked: RefCell<BTreeSet<String>>,
}

/// What diffusers computed, or was given.
#[derive(Clone)]
pub struct Reference {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl Dump {
    pub fn new(json: &[u8], bytes: Vec<u8>, wanted: fn(&str) -> bool) -> Self {
        // Python writes infinities, which JSON has not.
        let json = String::from_utf8_lossy(json).replace("-Infinity", "null");
        let json = serde_json::from_str(&json).unwrap();
        Self {
            json,
            bytes,
            wanted,
            asked: RefCell::default(),
        }
    }

    /// The listed cases that are wanted; those that are of another kind than `C` are left out.
    pub fn cases<C: DeserializeOwned>(&self) -> Vec<C> {
        let cases = self.json["cases"].as_array().expect("a list of cases");
        let wanted = |case: &&Value| case["name"].as_str().is_some_and(self.wanted);
        let cases = cases.iter().filter(wanted);
        let cases: Vec<C> = cases.filter_map(|case| C::deserialize(case).ok()).collect();
        assert!(!cases.is_empty(), "the dump has no such cases");
        cases
    }

    /// The case called `name`.
    pub fn case(&self, name: &str) -> Value {
        let cases = self.json["cases"].as_array().expect("a list of cases");
        let found = cases.iter().find(|case| case["name"] == name);
        found.cloned().unwrap_or_else(|| panic!("no case {name}"))
    }

    /// Whole names of every tensor.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.tensors().names().into_iter().map(Into::into).collect();
        names.sort();
        names
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors().tensor(name).is_ok()
    }

    /// An f32 or f16 tensor, by its whole name.
    pub fn get(&self, name: &str) -> Reference {
        let (dtype, shape, bytes) = self.data(name);
        let values = match dtype {
            Dtype::F32 => bytes
                .chunks_exact(4)
                .map(|word| f32::from_le_bytes(word.try_into().unwrap()))
                .collect(),
            Dtype::F16 => bytes
                .chunks_exact(2)
                .map(|half| half::f16::from_le_bytes(half.try_into().unwrap()).to_f32())
                .collect(),
            other => panic!("{name}: is {other:?}"),
        };
        Reference { shape, values }
    }

    /// Token ids, one list for each row.
    pub fn ids(&self, name: &str) -> Vec<Vec<u32>> {
        let (dtype, shape, bytes) = self.data(name);
        assert_eq!(dtype, Dtype::I32, "{name}: type");
        let ids: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        ids.chunks(shape[1]).map(<[u32]>::to_vec).collect()
    }

    /// The shape and the levels of a picture or mask.
    pub fn levels(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let (dtype, shape, bytes) = self.data(name);
        assert_eq!(dtype, Dtype::U8, "{name}: type");
        (shape, bytes)
    }

    /// Tensors that nothing has asked for.
    pub fn unread(&self) -> Vec<String> {
        let asked = self.asked.borrow();
        let names = self.names().into_iter();
        names.filter(|name| !asked.contains(name)).collect()
    }

    /// Counts tensors as read that say nothing on their own.
    pub fn leave(&self, unneeded: impl Fn(&str) -> bool) {
        let names = self.names().into_iter().filter(|name| unneeded(name));
        self.asked.borrow_mut().extend(names);
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).unwrap()
    }

    fn data(&self, name: &str) -> (Dtype, Vec<usize>, Vec<u8>) {
        self.asked.borrow_mut().insert(name.to_owned());
        let tensors = self.tensors();
        let view = tensors.tensor(name).expect(name);
        (view.dtype(), view.shape().to_vec(), view.data().to_vec())
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

    /// Parts along the first axis, each with an axis of one in its place.
    pub fn parts(&self) -> Vec<Self> {
        let mut shape = self.shape.clone();
        let count = std::mem::replace(&mut shape[0], 1);
        let parts = self.values.chunks(self.values.len() / count);
        parts
            .map(|values| Self {
                shape: shape.clone(),
                values: values.to_vec(),
            })
            .collect()
    }
}
