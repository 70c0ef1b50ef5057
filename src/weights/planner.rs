//! Laying a component's tensors out in its stream, and finding out which bytes of the checkpoint are read for them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use serde_json::{Value, json};

use super::files::{FileFacts, Files};
use super::hash::sha256_hex;
use super::header::{Dtype, TensorInfo};
use super::inventory::Role;
use super::layout::Layout;
use super::manifest::{Component, ComponentName, Encoding, FileEntry, ShardEntry, TensorEntry};
use super::names::Change;
use super::plan::{Piece, PlannedTensor, Read, Source, Unit};
use super::recipe::ComponentWeights;
use super::scheme::encoding_of;
use crate::{Error, Result};

/// The most bytes to read at a time, but for tensors that cannot be cut: what is lost when a connection breaks.
const MAX_READ: u64 = 8 << 20;
/// Bytes that are rather read for nothing than left out by another request.
const MAX_GAP: u64 = 256 << 10;

/// A component's stream, of which only the lengths are known.
#[derive(Default)]
pub(super) struct Stream {
    layout: Layout,
    tensors: Vec<TensorEntry>,
    files: Vec<FileEntry>,
    pieces: Vec<Piece>,
    bytes: Vec<(u64, Rc<[u8]>)>,
}

impl Stream {
    pub(super) fn file(&mut self, name: &str, bytes: Rc<[u8]>) {
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
            (
                start + first as u64 * row..start + last as u64 * row,
                first..last,
            )
        };
        cuts.map(cut).collect()
    }
}

/// A plan that grows by components.
pub(super) struct Planner<F> {
    pub(super) sources: Vec<Source<F>>,
    pub(super) units: Vec<Unit>,
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

    pub(super) fn tensors(
        &mut self,
        stream: &mut Stream,
        component: ComponentName,
        weights: &ComponentWeights<F>,
        scheme: Encoding,
    ) -> Result<()> {
        for (spec, origin) in &weights.tensors {
            let (file, info) =
                weights
                    .checkpoint
                    .tensor(&origin.name)
                    .ok_or_else(|| Error::MissingTensor {
                        component: component.to_string(),
                        tensor: origin.name.clone(),
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
                return Err(refuse(format!(
                    "of the shape {shape:?} has no form in {encoding}"
                )));
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
    pub(super) fn component(
        &mut self,
        name: ComponentName,
        config: Value,
        stream: Stream,
    ) -> Component {
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
pub(super) fn fingerprint<F>(
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
        json!([
            piece.source,
            piece.range.start,
            piece.range.end,
            origin,
            dtype
        ])
    };
    let files = units.iter().flat_map(|unit| &unit.files);
    let files: Vec<String> = files.map(|(_, bytes)| sha256_hex(bytes)).collect();
    let reads = units.iter().flat_map(|unit| &unit.reads);
    let pieces: Vec<Value> = reads.flat_map(|read| &read.pieces).map(piece).collect();
    sha256_hex(
        json!([components, sources, files, pieces])
            .to_string()
            .as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::inventory::Spec;

    fn tensor(change: Change, shape: [usize; 2]) -> PlannedTensor {
        PlannedTensor {
            origin: "a".into(),
            dtype: Dtype::F16,
            change,
            spec: Spec {
                name: "a".into(),
                shape: shape.to_vec(),
                role: Role::Linear,
            },
            shape: shape.to_vec(),
            encoding: Encoding::Q8,
        }
    }

    fn info(shape: [usize; 2], start: u64) -> TensorInfo {
        TensorInfo {
            dtype: Dtype::F16,
            shape: shape.to_vec(),
            start,
            length: 2 * (shape[0] * shape[1]) as u64,
        }
    }

    #[test]
    fn a_large_tensor_is_cut_between_rows() {
        // Rows of 2560 bytes.
        let (shape, start) = ([49408, 1280], 1000);
        let cuts = tensor(Change::Copy, shape).cut(&info(shape, start));
        assert!(cuts.len() > 10);
        let (mut at, mut row) = (start, 0);
        for (range, rows) in cuts {
            assert_eq!((range.start, rows.start), (at, row));
            assert_eq!(range.end - range.start, 2560 * rows.len() as u64);
            assert!(range.end - range.start <= MAX_READ);
            (at, row) = (range.end, rows.end);
        }
        assert_eq!((at, row), (start + 2560 * 49408, 49408));
    }

    #[test]
    fn rows_longer_than_a_read_are_read_one_by_one() {
        let shape = [3, 5 << 20];
        let cuts = tensor(Change::Copy, shape).cut(&info(shape, 0));
        let rows: Vec<_> = cuts.into_iter().map(|(_, rows)| rows).collect();
        assert_eq!(rows, [0..1, 1..2, 2..3]);
    }

    #[test]
    fn a_third_is_read_from_where_it_begins_and_a_transposed_matrix_whole() {
        let cuts = tensor(Change::Third(2), [8, 4]).cut(&info([24, 4], 100));
        assert_eq!(cuts, [(100 + 2 * 64..100 + 3 * 64, 0..8)]);
        let cuts = tensor(Change::Transpose, [4096, 2048]).cut(&info([2048, 4096], 100));
        assert_eq!(cuts, [(100..100 + (16 << 20), 0..4096)]);
    }

    #[test]
    fn neighbours_are_read_together_unless_they_are_far_apart_or_too_many() {
        let shared = Rc::new(tensor(Change::Copy, [1, 1]));
        let piece = |source, range| Piece {
            source,
            range,
            offset: 0,
            tensor: Rc::clone(&shared),
            rows: 0..1,
        };
        let near = MAX_GAP + 20;
        let pieces = vec![
            piece(0, near..near + 10),
            piece(1, 10..20),
            piece(0, 0..20),
            piece(0, near + 10 + MAX_GAP + 1..near + 30 + MAX_GAP),
            piece(1, 20..MAX_READ),
            piece(1, MAX_READ..MAX_READ + 20),
        ];
        let reads = reads(pieces);
        let ranges: Vec<_> = reads.iter().map(|r| (r.source, r.range.clone())).collect();
        let expected = [
            (0, 0..near + 10),
            (0, near + 11 + MAX_GAP..near + 30 + MAX_GAP),
            (1, 10..MAX_READ),
            (1, MAX_READ..MAX_READ + 20),
        ];
        assert_eq!(ranges, expected);
        assert_eq!(reads[0].pieces.len(), 2);
    }
}
