//! Packed weights onto a device, shard by shard, and into the layers of a network.
//!
//! A tensor's bytes pass through the heap one tensor (and one shard) at a time. On a GPU a matrix keeps the encoding it is
//! stored in; the CPU decodes it once, because there memory is plenty and decoding at each use is not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Deref;

use burn::tensor::{Device, Tensor, TensorData};

use super::manifest::{Component, ComponentName, Encoding, TensorEntry};
use super::quantize;
use super::source::{ShardSource, StreamReader};
use crate::device::{is_cpu, reclaim};
use crate::kernels::{Packing, Weight};
use crate::lora::{Adapter, Adapters, LowRank};
use crate::{Error, Result};

/// The tensors of a component on a device, by name, until the layers have taken them.
pub struct Weights {
    component: ComponentName,
    device: Device,
    tensors: RefCell<BTreeMap<String, Loaded>>,
    memory: DeviceMemory,
}

/// A network on a device, and the memory of its weights, which is given back when this is dropped.
pub struct Resident<N> {
    network: N,
    // Dropped after the network: fields are dropped in order.
    _memory: DeviceMemory,
}

/// The device memory of weights, and of whatever else is no longer used when they are not.
struct DeviceMemory {
    device: Device,
}

struct Loaded {
    shape: Vec<usize>,
    values: Values,
}

enum Values {
    Vector(Tensor<1>),
    Matrix(Weight, Option<Box<Adapter>>),
}

/// The tensors whose names start with a prefix.
#[derive(Clone)]
pub struct Scope<'a> {
    weights: &'a Weights,
    prefix: String,
}

impl Weights {
    /// Loads the tensors of `component` that are `wanted`, and beside them what the LoRAs in use add to them. `progress` is
    /// told the encoded bytes of each; an error it returns ends the loading.
    pub async fn load<S: ShardSource>(
        source: &S,
        name: ComponentName,
        component: &Component,
        device: &Device,
        adapters: &Adapters<'_>,
        wanted: impl Fn(&str) -> bool,
        mut progress: impl FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let mut entries: Vec<&TensorEntry> = component
            .tensors
            .iter()
            .filter(|t| wanted(&t.name))
            .collect();
        entries.sort_by_key(|entry| entry.offset);
        let mut reader = StreamReader::new(source, name, component);
        let mut weights = Self {
            component: name,
            device: device.clone(),
            tensors: RefCell::default(),
            memory: DeviceMemory {
                device: device.clone(),
            },
        };
        for entry in entries {
            let bytes = reader.tensor(entry).await?;
            weights.upload(entry, bytes, adapters.low_rank(name, &entry.name));
            progress(entry.length)?;
        }
        Ok(weights)
    }

    /// Encoded bytes of the tensors that [`Self::load`] would load.
    pub fn size(component: &Component, wanted: impl Fn(&str) -> bool) -> u64 {
        component
            .tensors
            .iter()
            .filter(|t| wanted(&t.name))
            .map(|t| t.length)
            .sum()
    }

    /// Builds a network of the tensors; one that it does not take is an error.
    pub fn build<N>(self, init: impl FnOnce(&Scope) -> Result<N>) -> Result<Resident<N>> {
        let network = init(&Scope {
            weights: &self,
            prefix: String::new(),
        })?;
        match self.tensors.into_inner().into_keys().next() {
            Some(tensor) => Err(Error::UnexpectedTensor {
                component: self.component.to_string(),
                tensor,
            }),
            None => Ok(Resident {
                network,
                _memory: self.memory,
            }),
        }
    }

    fn upload(&mut self, entry: &TensorEntry, bytes: Vec<u8>, added: Option<LowRank>) {
        let values = match entry.shape.as_slice() {
            [length] => {
                let values = quantize::decode(&bytes, &entry.shape, entry.encoding);
                let data = TensorData::new(values, [*length]);
                let tensor = self.device.memory_persistent_allocations(data, |data| {
                    Tensor::<1>::from_data(data, &self.device)
                });
                Values::Vector(tensor)
            }
            shape => {
                let weight = self.matrix(shape, entry.encoding, bytes);
                let adapter = added.map(|added| Box::new(self.adapter(entry, added)));
                Values::Matrix(weight, adapter)
            }
        };
        self.tensors.get_mut().insert(
            entry.name.clone(),
            Loaded {
                shape: entry.shape.clone(),
                values,
            },
        );
    }

    /// As exact as the weight it is added to: in f32 beside f32, in f16 beside everything else.
    fn adapter(&mut self, entry: &TensorEntry, added: LowRank) -> Adapter {
        let LowRank {
            rank,
            down,
            up,
            scale,
        } = added;
        let encoding = match entry.encoding {
            Encoding::F32 => Encoding::F32,
            Encoding::F16 | Encoding::Q8 | Encoding::Q4 => Encoding::F16,
        };
        let mut factor = |values: Vec<f32>, rows: usize| {
            let shape = [rows, values.len() / rows];
            let Ok(bytes) = quantize::encode(&values, &shape, encoding) else {
                unreachable!("the factors of a LoRA are normalized");
            };
            self.matrix(&shape, encoding, bytes)
        };
        let outputs = up.len() / rank;
        let (down, up) = (factor(down, rank), factor(up, outputs));
        Adapter::new(down, up, scale)
    }

    fn matrix(&mut self, shape: &[usize], encoding: Encoding, bytes: Vec<u8>) -> Weight {
        let (rows, columns) = (shape[0], shape[1..].iter().product());
        let (encoding, bytes) = match is_cpu(&self.device) {
            true => {
                let values = quantize::decode(&bytes, shape, encoding);
                (
                    Encoding::F32,
                    values.into_iter().flat_map(f32::to_le_bytes).collect(),
                )
            }
            false => (encoding, bytes),
        };
        let packing = Packing {
            encoding,
            rows,
            columns,
        };
        Weight::from_bytes(&bytes, packing, &self.device)
    }
}

impl Scope<'_> {
    /// One level further down.
    pub fn at(&self, name: impl Display) -> Self {
        Self {
            weights: self.weights,
            prefix: self.path(name),
        }
    }

    /// Takes a tensor of one axis.
    pub fn vector(&self, name: &str, length: usize) -> Result<Tensor<1>> {
        match self.take(name, &[length])? {
            Values::Vector(tensor) => Ok(tensor),
            Values::Matrix(..) => unreachable!("a tensor of one axis is loaded as a vector"),
        }
    }

    /// Takes a tensor of two or more axes, as a matrix of `shape[0]` rows.
    pub fn matrix(&self, name: &str, shape: &[usize]) -> Result<Weight> {
        Ok(self.adapted(name, shape)?.0)
    }

    /// As [`Self::matrix`], and with it what LoRAs add to it.
    pub fn adapted(&self, name: &str, shape: &[usize]) -> Result<(Weight, Option<Box<Adapter>>)> {
        match self.take(name, shape)? {
            Values::Matrix(weight, adapter) => Ok((weight, adapter)),
            Values::Vector(_) => unreachable!("a tensor of several axes is loaded as a matrix"),
        }
    }

    /// A vector of zeros, in place of a bias that the network does not have.
    pub fn zeros(&self, length: usize) -> Tensor<1> {
        Tensor::zeros([length], &self.weights.device)
    }

    /// An error that names a field of this component's config.
    pub fn bad_config(&self, field: &str, problem: impl Into<String>) -> Error {
        Error::BadConfig {
            component: self.weights.component.to_string(),
            field: field.to_owned(),
            problem: problem.into(),
        }
    }

    fn take(&self, name: &str, shape: &[usize]) -> Result<Values> {
        let (component, tensor) = (self.weights.component.to_string(), self.path(name));
        match self.weights.tensors.borrow_mut().remove(&tensor) {
            None => Err(Error::MissingTensor { component, tensor }),
            Some(loaded) if loaded.shape != shape => Err(Error::ShapeMismatch {
                component,
                tensor,
                expected: shape.to_vec(),
                actual: loaded.shape,
            }),
            Some(loaded) => Ok(loaded.values),
        }
    }

    fn path(&self, name: impl Display) -> String {
        if self.prefix.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }
}

impl<N> Deref for Resident<N> {
    type Target = N;

    fn deref(&self) -> &N {
        &self.network
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        reclaim(&self.device);
    }
}
