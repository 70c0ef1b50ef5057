//! A model in memory, its weights encoded anew.

use std::collections::BTreeMap;
use std::rc::Rc;

use sdxl_web::pipeline::Model;
use sdxl_web::weights::inventory::{Spec, tensors_of};
use sdxl_web::weights::manifest::{Component, ShardEntry, TensorEntry};
use sdxl_web::weights::source::{ShardSource, StreamReader};
use sdxl_web::weights::{ComponentName, Manifest, quantize};
use sdxl_web::{Error, Result};

use super::scheme::Scheme;

/// Plain bytes of shards, by file name.
#[derive(Clone)]
pub struct Memory(Rc<BTreeMap<String, Vec<u8>>>);

impl ShardSource for Memory {
    async fn read(&self, shard: &ShardEntry) -> Result<Vec<u8>> {
        Ok(self.0.get(&shard.file).cloned().unwrap_or_default())
    }
}

/// A manifest and its shards.
pub struct InMemory {
    manifest: Manifest,
    shards: Memory,
}

impl InMemory {
    pub async fn open(&self) -> Result<Model<Memory>> {
        Model::open(self.manifest.clone(), self.shards.clone()).await
    }

    /// Size of the weights.
    pub fn megabytes(&self) -> f64 {
        let components = self.manifest.components.values();
        let tensors = components.flat_map(|component| &component.tensors);
        tensors.map(|tensor| tensor.length).sum::<u64>() as f64 / 1e6
    }
}

/// The model that a manifest describes, with weights as `scheme` says; of a component all tensors are one shard.
pub async fn requantized(
    manifest: &Manifest,
    source: &impl ShardSource,
    scheme: &Scheme,
) -> Result<InMemory> {
    let (mut manifest, mut shards) = (manifest.clone(), BTreeMap::new());
    for (&name, component) in &mut manifest.components {
        if component.tensors.is_empty() {
            for shard in &component.shards {
                shards.insert(shard.file.clone(), source.read(shard).await?);
            }
            continue;
        }
        let specs = tensors_of(name, &component.config)?;
        let mut reader = StreamReader::new(source, name, component);
        let mut encoder = Encoder::default();
        for entry in &component.tensors {
            let bytes = reader.tensor(entry).await?;
            let values = quantize::decode(&bytes, &entry.shape, entry.encoding);
            let Some(spec) = specs.iter().find(|spec| spec.name == entry.name) else {
                return Err(Error::UnexpectedTensor {
                    component: name.to_string(),
                    tensor: entry.name.clone(),
                });
            };
            encoder.add(name, spec, &entry.shape, &values, scheme)?;
        }
        let (entry, bytes) = (encoder.shard(format!("{name}.bin")), encoder.stream);
        shards.insert(entry.file.clone(), bytes);
        *component = Component {
            config: component.config.take(),
            tensors: encoder.tensors,
            files: Vec::new(),
            shards: vec![entry],
        };
    }
    let shards = Memory(Rc::new(shards));
    Ok(InMemory { manifest, shards })
}

/// A component that is being encoded.
#[derive(Default)]
pub struct Encoder {
    tensors: Vec<TensorEntry>,
    stream: Vec<u8>,
}

impl Encoder {
    /// `shape` is the packed one, with channels last.
    pub fn add(
        &mut self,
        component: ComponentName,
        spec: &Spec,
        shape: &[usize],
        values: &[f32],
        scheme: &Scheme,
    ) -> Result<()> {
        let encoding = scheme.encoding(component, spec);
        let bytes =
            quantize::encode(values, shape, encoding).map_err(|source| Error::BadCheckpoint {
                file: component.to_string(),
                tensor: Some(spec.name.clone()),
                problem: source.to_string(),
                source: Some(source.into()),
            })?;
        self.tensors.push(TensorEntry {
            name: spec.name.clone(),
            shape: shape.to_vec(),
            encoding,
            offset: self.stream.len() as u64,
            length: bytes.len() as u64,
        });
        self.stream.extend(bytes);
        Ok(())
    }

    /// The component, and where its bytes are.
    pub fn finish(self, name: ComponentName) -> (Component, Memory) {
        let entry = self.shard(format!("{name}.bin"));
        let shards = BTreeMap::from([(entry.file.clone(), self.stream)]);
        let component = Component {
            config: serde_json::Value::Null,
            tensors: self.tensors,
            files: Vec::new(),
            shards: vec![entry],
        };
        (component, Memory(Rc::new(shards)))
    }

    fn shard(&self, file: String) -> ShardEntry {
        let length = self.stream.len() as u64;
        ShardEntry {
            file,
            length,
            sha256: String::new(),
            compression: None,
            stored_length: length,
        }
    }
}
