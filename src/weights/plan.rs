//! Everything about a packed model that follows from configs and headers alone: its manifest but for the hashes, and which
//! bytes of the checkpoint are read for which shards. Whoever has read them needs nothing else, and may read them in any
//! order, with pauses of days between.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use serde_json::{Value, json};

use super::files::{FileFacts, Files};
use super::header::{Dtype, TensorInfo};
use super::inventory::{Role, Spec};
use super::layout::Layout;
use super::manifest::{
    Component, ComponentName, Encoding, FORMAT, FileEntry, Manifest, ShardEntry, TensorEntry,
};
use super::model_files::TOKENIZER_FILES;
use super::names::Change;
use super::recipe::{ComponentWeights, Ingredients, Recipe};
use super::scheme::encoding_of;
use super::hash::sha256_hex;
use crate::{Error, Result};

/// The most bytes to read at a time, but for tensors that cannot be cut: what is lost when a connection breaks.
const MAX_READ: u64 = 8 << 20;
/// Bytes that are rather read for nothing than left out by another request.
const MAX_GAP: u64 = 256 << 10;

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
    facts: FileFacts,
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
    source: usize,
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

/// A component's stream, of which only the lengths are known.
#[derive(Default)]
struct Stream {
    layout: Layout,
    tensors: Vec<TensorEntry>,
    files: Vec<FileEntry>,
    pieces: Vec<Piece>,
    bytes: Vec<(u64, Rc<[u8]>)>,
}

impl Stream {
    fn file(&mut self, name: &str, bytes: Rc<[u8]>) {
        let length = bytes.len() as u64;
        let offset = self.layout.push(length);
        let name = name.to_owned();
        self.files.push(FileEntry {
            name,
            offset,
            length,
        });
        self.bytes.push((offset, bytes));
    }

    fn tensor(&mut self, source: usize, tensor: PlannedTensor, info: &TensorInfo, length: u64) {
        let offset = self.layout.push(length);
        self.tensors.push(TensorEntry {
            name: tensor.spec.name.clone(),
            shape: tensor.shape.clone(),
            encoding: tensor.encoding,
            offset,
            length,
        });
        let tensor = Rc::new(tensor);
        for (range, rows) in tensor.cut(info) {
            self.pieces.push(Piece {
                source,
                range,
                offset,
                tensor: Rc::clone(&tensor),
                rows,
            });
        }
    }
}

impl PlannedTensor {
    /// Ranges of the file, none too large to read at once, each with the rows that it has of the tensor as stored.
    fn cut(&self, info: &TensorInfo) -> Vec<(Range<u64>, Range<usize>)> {
        let rows = self.shape[0];
        let start = match self.change {
            Change::Copy | Change::Conv1x1 => info.start,
            Change::Third(i) => info.start + i as u64 * (info.length / 3),
            // Its rows are the columns of what is stored.
            Change::Transpose => return vec![(info.start..info.start + info.length, 0..rows)],
        };
        let row = info.length / info.shape[0] as u64;
        let at_once = usize::try_from(MAX_READ / row).unwrap_or(rows).max(1);
        let cuts = (0..rows).step_by(at_once);
        let cut = |first: usize| {
            let last = rows.min(first + at_once);
            (start + first as u64 * row..start + last as u64 * row, first..last)
        };
        cuts.map(cut).collect()
    }
}

struct Planner<F> {
    sources: Vec<Source<F>>,
    units: Vec<Unit>,
}

impl<F: Files> Planner<F> {
    fn source(&mut self, files: &Rc<F>, path: &str, facts: &FileFacts) -> usize {
        let same = |source: &Source<F>| Rc::ptr_eq(&source.files, files) && source.path == path;
        self.sources.iter().position(same).unwrap_or_else(|| {
            self.sources.push(Source {
                files: Rc::clone(files),
                path: path.to_owned(),
                facts: facts.clone(),
            });
            self.sources.len() - 1
        })
    }

    fn tensors(
        &mut self,
        stream: &mut Stream,
        component: ComponentName,
        weights: &ComponentWeights<F>,
        scheme: Encoding,
    ) -> Result<()> {
        for (spec, origin) in &weights.tensors {
            let (file, info) = weights.checkpoint.tensor(&origin.name).ok_or_else(|| {
                Error::MissingTensor {
                    component: component.to_string(),
                    tensor: origin.name.clone(),
                }
            })?;
            let refuse = |problem: String| Error::BadCheckpoint {
                file: file.files.name(&file.path),
                tensor: Some(origin.name.clone()),
                problem,
                source: None,
            };
            if let Dtype::Other(_) = info.dtype {
                return Err(refuse("is not in f32, f16 or bf16".into()));
            }
            let encoding = encoding_of(spec, scheme);
            let shape = match (spec.role, &spec.shape[..]) {
                (Role::Convolution, &[out, input, height, width]) => {
                    vec![out, height, width, input]
                }
                (_, shape) => shape.to_vec(),
            };
            let Some(length) = encoding.byte_len(&shape) else {
                return Err(refuse(format!("of the shape {shape:?} has no form in {encoding}")));
            };
            let source = self.source(&file.files, &file.path, &file.facts);
            let tensor = PlannedTensor {
                origin: origin.name.clone(),
                dtype: info.dtype,
                change: origin.change,
                spec: spec.clone(),
                shape,
                encoding,
            };
            stream.tensor(source, tensor, info, length);
        }
        Ok(())
    }

    /// Ends a stream: its shards are known now, and so is what is read for them.
    fn component(&mut self, name: ComponentName, config: Value, stream: Stream) -> Component {
        let (lengths, units) = stream.layout.end();
        let mut pieces = stream.pieces.into_iter().peekable();
        let mut files = stream.bytes.into_iter().peekable();
        let mut start = 0;
        for shards in units {
            let lengths = lengths[shards.clone()].to_vec();
            let end = start + lengths.iter().sum::<u64>();
            let (mut own, mut own_files) = (Vec::new(), Vec::new());
            while let Some(mut piece) = pieces.next_if(|piece| piece.offset < end) {
                piece.offset -= start;
                own.push(piece);
            }
            while let Some((offset, bytes)) = files.next_if(|(offset, _)| *offset < end) {
                own_files.push((offset - start, bytes));
            }
            self.units.push(Unit {
                component: name,
                shards,
                lengths,
                reads: reads(own),
                files: own_files,
            });
            start = end;
        }
        let shard = |(index, length): (usize, u64)| ShardEntry {
            file: format!("{name}-{index:03}.bin"),
            length,
            sha256: String::new(),
            compression: None,
            stored_length: length,
        };
        Component {
            config,
            tensors: stream.tensors,
            files: stream.files,
            shards: lengths.into_iter().enumerate().map(shard).collect(),
        }
    }
}

/// Neighbours in a file are read together.
fn reads(mut pieces: Vec<Piece>) -> Vec<Read> {
    pieces.sort_by_key(|piece| (piece.source, piece.range.start));
    let mut reads: Vec<Read> = Vec::new();
    for piece in pieces {
        match reads.last_mut() {
            Some(read)
                if read.source == piece.source
                    && piece.range.start <= read.range.end + MAX_GAP
                    && piece.range.end.saturating_sub(read.range.start) <= MAX_READ =>
            {
                read.range.end = read.range.end.max(piece.range.end);
                read.pieces.push(piece);
            }
            _ => reads.push(Read {
                source: piece.source,
                range: piece.range.clone(),
                pieces: vec![piece],
            }),
        }
    }
    reads
}

/// A hash of all that decides which bytes go where.
fn fingerprint<F>(
    components: &BTreeMap<ComponentName, Component>,
    sources: &[Source<F>],
    units: &[Unit],
) -> String {
    let sources: Vec<_> = sources
        .iter()
        .map(|Source { facts, .. }| (facts.length, &facts.version))
        .collect();
    let piece = |piece: &Piece| {
        let PlannedTensor { origin, dtype, .. } = &*piece.tensor;
        let dtype = format!("{dtype:?}");
        json!([piece.source, piece.range.start, piece.range.end, origin, dtype])
    };
    let files = units.iter().flat_map(|unit| &unit.files);
    let files: Vec<String> = files.map(|(_, bytes)| sha256_hex(bytes)).collect();
    let reads = units.iter().flat_map(|unit| &unit.reads);
    let pieces: Vec<Value> = reads.flat_map(|read| &read.pieces).map(piece).collect();
    sha256_hex(json!([components, sources, files, pieces]).to_string().as_bytes())
}
