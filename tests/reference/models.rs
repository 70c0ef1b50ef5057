//! The tiny models, through the same code as any other packed model.

use std::path::PathBuf;

use burn::tensor::Device;
use sdxl_web::Result;
use sdxl_web::pipeline::Model;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::weights::manifest::ShardEntry;
use sdxl_web::weights::source::ShardSource;
use sdxl_web::weights::{ComponentName, Manifest, Resident, Scope};

use crate::fixture::folder;

/// A tiny model's shards; those of its tokenizers are the demo model's, because both have CLIP's real vocabulary.
pub struct Shards {
    model: FolderSource,
    tokenizers: FolderSource,
    tokenizer_files: Vec<String>,
}

impl ShardSource for Shards {
    async fn read(&self, shard: &ShardEntry) -> Result<Vec<u8>> {
        let lent = self.tokenizer_files.contains(&shard.file);
        let source = if lent { &self.tokenizers } else { &self.model };
        source.read(shard).await
    }
}

pub fn base() -> Model<Shards> {
    open("base")
}

pub fn refiner() -> Model<Shards> {
    open("refiner")
}

/// Builds a network of those of a component's tensors that are `wanted`.
pub fn load<N>(
    model: &Model<Shards>,
    name: ComponentName,
    wanted: impl Fn(&str) -> bool,
    init: impl FnOnce(&Scope) -> Result<N>,
) -> Resident<N> {
    let device = Device::flex();
    pollster::block_on(model.load(name, &device, &mut (), wanted, init)).unwrap()
}

fn open(kind: &str) -> Model<Shards> {
    let (model, mut manifest) = FolderSource::open(folder().join(kind)).unwrap();
    let demo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("www/models/demo/base");
    let (tokenizers, demo) = FolderSource::open(demo).unwrap();
    let tokenizer_files = lend_tokenizers(&demo, &mut manifest);
    let source = Shards {
        model,
        tokenizers,
        tokenizer_files,
    };
    pollster::block_on(Model::open(manifest, source)).unwrap()
}

/// Adds a manifest's tokenizers to another one; the files that hold them.
fn lend_tokenizers(from: &Manifest, to: &mut Manifest) -> Vec<String> {
    let mut files = Vec::new();
    for name in [ComponentName::Tokenizer, ComponentName::Tokenizer2] {
        let tokenizer = from.component(name).unwrap().clone();
        files.extend(tokenizer.shards.iter().map(|shard| shard.file.clone()));
        to.components.insert(name, tokenizer);
    }
    files
}
