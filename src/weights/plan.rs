//! Everything about a packed model that follows from configs and headers alone: its manifest but for the hashes, and which
//! bytes of the checkpoint are read for which shards. Whoever has read them needs nothing else, and may read them in any
//! order, with pauses of days between.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use super::files::{FileFacts, Files};
use super::header::Dtype;
use super::inventory::Spec;
use super::manifest::{ComponentName, Encoding, FORMAT, Manifest, ShardEntry};
use super::model_files::TOKENIZER_FILES;
use super::names::Change;
use super::planner::{Planner, Stream, fingerprint};
use super::recipe::{Ingredients, Recipe};
use crate::Result;

/// A model that can be packed.
#[derive(Debug)]
pub struct Plan<F> {
    /// What will be written, with empty hashes.
    manifest: Manifest,
    sources: Vec<Source<F>>,
    units: Vec<Unit>,
    unused: Vec<String>,
    fingerprint: String,
}

/// A file that is read.
#[derive(Debug)]
pub struct Source<F> {
    /// Its folder.
    pub files: Rc<F>,
    /// Where it is there.
    pub path: String,
    pub(super) facts: FileFacts,
}

/// Shards that are made together: one, or several because a tensor reaches from one into the next.
#[derive(Debug)]
pub struct Unit {
    /// The component that they are of.
    pub component: ComponentName,
    /// Which of its shards.
    pub shards: Range<usize>,
    /// Bytes of each of them.
    pub lengths: Vec<u64>,
    /// What is read for them, in any order.
    pub reads: Vec<Read>,
    /// Files that are there already, and where they begin.
    pub(super) files: Vec<(u64, Rc<[u8]>)>,
}

/// Bytes of a file that are read at once.
#[derive(Debug)]
pub struct Read {
    /// Which of the plan's files.
    pub source: usize,
    /// Its bytes.
    pub range: Range<u64>,
    pub(super) pieces: Vec<Piece>,
}

/// Bytes of a source that become rows of a tensor.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) source: usize,
    /// In the source.
    pub(super) range: Range<u64>,
    /// Where the whole tensor begins, in the unit.
    pub(super) offset: u64,
    pub(super) tensor: Rc<PlannedTensor>,
    pub(super) rows: Range<usize>,
}

/// A tensor of the checkpoint, and what becomes of it.
#[derive(Debug)]
pub(super) struct PlannedTensor {
    /// Its name in the checkpoint.
    pub(super) origin: String,
    pub(super) dtype: Dtype,
    pub(super) change: Change,
    /// With diffusers' shape.
    pub(super) spec: Spec,
    /// The shape as stored.
    pub(super) shape: Vec<usize>,
    pub(super) encoding: Encoding,
}

impl<F: Files> Plan<F> {
    /// Reads configs and headers. Everything that can be refused by them is refused here, before hours of packing.
    pub async fn make(recipe: &Recipe<F>) -> Result<Self> {
        let ingredients = Ingredients::open(recipe).await?;
        let mut planner = Planner {
            sources: Vec::new(),
            units: Vec::new(),
        };
        let mut components = BTreeMap::new();
        for found in ingredients.find(recipe).await? {
            let (name, config) = (found.name, found.config);
            let mut stream = Stream::default();
            if let Some(weights) = &found.weights {
                planner.tensors(&mut stream, name, weights, recipe.scheme)?;
            }
            if matches!(name, ComponentName::Tokenizer | ComponentName::Tokenizer2) {
                let files = ingredients.of(name);
                for file in TOKENIZER_FILES {
                    let bytes = files.tokenizer_file(name, file, &recipe.tokenizer);
                    stream.file(file, bytes.await?.into());
                }
            }
            components.insert(name, planner.component(name, config, stream));
        }
        let Planner { sources, units } = planner;
        let fingerprint = fingerprint(&components, &sources, &units);
        Ok(Self {
            manifest: Manifest {
                format: FORMAT,
                name: recipe.name.clone(),
                kind: ingredients.model.kind(),
                pipeline: ingredients.model.pipeline().clone(),
                components,
            },
            sources,
            units,
            unused: ingredients.model.unused(),
            fingerprint,
        })
    }

    /// What will be written; the hashes of its shards are empty.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The files that are read.
    pub fn sources(&self) -> &[Source<F>] {
        &self.sources
    }

    /// The portions in which the shards are made, in the order of the manifest.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Tensors of a single file that nothing needs.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Equal for plans that make the same shards of the same files, as far as the files' places tell.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The shards of a unit, as they are in the manifest.
    pub fn shards(&self, unit: &Unit) -> &[ShardEntry] {
        &self.manifest.components[&unit.component].shards[unit.shards.clone()]
    }

    /// The manifest of shards that were written, one for each of the plan's, in their order.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn manifest_of(&self, written: Vec<ShardEntry>) -> Manifest {
        let mut manifest = self.manifest.clone();
        let components = manifest.components.values_mut();
        let planned: Vec<&mut ShardEntry> = components.flat_map(|c| &mut c.shards).collect();
        assert_eq!(planned.len(), written.len(), "shards");
        for (planned, written) in planned.into_iter().zip(written) {
            *planned = written;
        }
        manifest
    }

    /// Bytes to read in all.
    pub fn read_len(&self) -> u64 {
        self.units.iter().map(Unit::read_len).sum()
    }

    /// Reads bytes of one of the files.
    pub async fn read(&self, read: &Read) -> Result<Vec<u8>> {
        let source = &self.sources[read.source];
        source.files.read(&source.path, read.range.clone()).await
    }
}

impl Unit {
    /// Bytes to read.
    pub fn read_len(&self) -> u64 {
        let reads = self.reads.iter();
        reads.map(|read| read.range.end - read.range.start).sum()
    }
}
