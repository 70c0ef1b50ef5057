//! A reference set: its dumps, and its two tiny models as packed shards.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::Device;
use sdxl_web::Result;
use sdxl_web::pipeline::Model;
use sdxl_web::weights::manifest::{Manifest, ShardEntry};
use sdxl_web::weights::source::ShardSource;
use sdxl_web::weights::{ComponentName, Resident, Scope};

use super::dump::Dump;

/// A file of a set, by its name.
pub type Files = Box<dyn Fn(&str) -> Option<Vec<u8>>>;

/// Where the dumps lie, and the models.
pub struct Set {
    pub files: Files,
    pub base: Packed,
    pub refiner: Packed,
}

/// A packed model in memory.
pub struct Packed {
    pub manifest: Manifest,
    pub shards: Shards,
}

/// Plain bytes of shards, by file name.
#[derive(Clone)]
pub struct Shards(pub Rc<BTreeMap<String, Vec<u8>>>);

impl ShardSource for Shards {
    async fn read(&self, shard: &ShardEntry) -> Result<Vec<u8>> {
        Ok(self.0[&shard.file].clone())
    }
}

impl Set {
    /// A file of the set.
    pub fn file(&self, name: &str) -> Vec<u8> {
        (self.files)(name).unwrap_or_else(|| panic!("the set has no {name}"))
    }

    /// A dump, and which of its cases are wanted.
    pub fn dump(&self, name: &str, wanted: fn(&str) -> bool) -> Dump {
        let json = self.file(&format!("{name}.json"));
        Dump::new(&json, self.file(&format!("{name}.safetensors")), wanted)
    }
}

impl Packed {
    /// The tiny models have CLIP's real tokenizers, which the demo model has already.
    pub fn take_tokenizers(&mut self, from: &Self) {
        let mut shards = BTreeMap::clone(&self.shards.0);
        for name in [ComponentName::Tokenizer, ComponentName::Tokenizer2] {
            let tokenizer = from.manifest.component(name).unwrap().clone();
            for ShardEntry { file, .. } in &tokenizer.shards {
                shards.insert(file.clone(), from.shards.0[file].clone());
            }
            self.manifest.components.insert(name, tokenizer);
        }
        self.shards = Shards(Rc::new(shards));
    }

    pub async fn open(&self) -> Model<Shards> {
        Model::open(self.manifest.clone(), self.shards.clone())
            .await
            .unwrap()
    }
}

/// Builds a network of those of a component's tensors that are `wanted`.
pub async fn load<N>(
    model: &Model<Shards>,
    name: ComponentName,
    device: &Device,
    wanted: impl Fn(&str) -> bool,
    init: impl FnOnce(&Scope) -> Result<N>,
) -> Resident<N> {
    let network = model.load(name, device, &mut (), wanted, init).await;
    network.unwrap()
}
