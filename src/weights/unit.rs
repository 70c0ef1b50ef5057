//! Bytes of a checkpoint become the bytes of shards, in whatever order and however long after each other they come.

use std::collections::BTreeSet;

use super::channels_last::{channels_last, transpose};
use super::files::Files;
use super::inventory::Role;
use super::names::Change;
use super::plan::{Piece, Plan, PlannedTensor, Read, Unit};
use super::quantize::encode_rows;
use crate::{Error, Result};

/// Bytes that go through all steps before the next ones do, so that they stay in the processor's caches.
const AT_ONCE: usize = 64 << 10;

/// The shards of a unit, as far as they are there.
#[derive(Debug)]
pub struct UnitBuffer {
    bytes: Vec<u8>,
    missing: BTreeSet<usize>,
}

impl UnitBuffer {
    /// Room for the shards of a unit.
    pub fn new(unit: &Unit) -> Self {
        let length: u64 = unit.lengths.iter().sum();
        let mut bytes = vec![0; length as usize];
        for (offset, file) in &unit.files {
            bytes[*offset as usize..][..file.len()].copy_from_slice(file);
        }
        Self {
            bytes,
            missing: (0..unit.reads.len()).collect(),
        }
    }

    /// Takes what one of the unit's reads gave.
    ///
    /// # Panics
    /// If these are not as many bytes as the read asked for.
    pub fn accept<F: Files>(
        &mut self,
        plan: &Plan<F>,
        unit: &Unit,
        read: usize,
        bytes: &[u8],
    ) -> Result<()> {
        let Read {
            source,
            range,
            pieces,
        } = &unit.reads[read];
        assert_eq!(
            bytes.len() as u64,
            range.end - range.start,
            "bytes of a read"
        );
        for piece in pieces {
            let [first, last] =
                [piece.range.start, piece.range.end].map(|at| (at - range.start) as usize);
            self.place(piece, &bytes[first..last]).map_err(|fault| {
                let source = &plan.sources()[*source];
                Error::BadCheckpoint {
                    file: source.files.name(&source.path),
                    tensor: Some(fault.tensor),
                    problem: fault.problem,
                    source: None,
                }
            })?;
        }
        self.missing.remove(&read);
        Ok(())
    }

    /// The bytes of the unit's shards, one after the other.
    ///
    /// # Panics
    /// If a read is missing.
    pub fn finish(self) -> Vec<u8> {
        assert!(self.missing.is_empty(), "reads {:?}", self.missing);
        self.bytes
    }

    fn place(&mut self, piece: &Piece, bytes: &[u8]) -> std::result::Result<(), Fault> {
        let Piece {
            offset,
            tensor,
            rows,
            ..
        } = piece;
        let refuse = |problem| Fault {
            tensor: tensor.origin.clone(),
            problem,
        };
        // Looked at when it was planned.
        let Some(length) = tensor.encoding.byte_len(&tensor.shape) else {
            return Err(refuse("cannot be stored".into()));
        };
        let whole = &mut self.bytes[*offset as usize..][..length as usize];
        let row = bytes.len() / rows.len();
        let at_once = match tensor.change {
            Change::Transpose => rows.len(),
            _ => (AT_ONCE / row).max(1),
        };
        let portions = rows
            .clone()
            .step_by(at_once)
            .zip(bytes.chunks(row * at_once));
        for (first, bytes) in portions {
            let Some(values) = tensor.dtype.decode(bytes) else {
                return Err(refuse("cannot be stored".into()));
            };
            let rows = first..rows.end.min(first + at_once);
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                let before = rows.start * (values.len() / rows.len());
                return Err(refuse(format!("value {} is {}", before + at, values[at])));
            }
            let values = tensor.as_stored(values, rows.len());
            encode_rows(&values, rows, &tensor.shape, tensor.encoding, whole)
                .map_err(|error| refuse(format!("{error}: only weights in f32 hold it")))?;
        }
        Ok(())
    }
}

struct Fault {
    tensor: String,
    problem: String,
}

impl PlannedTensor {
    /// Some rows of it, in the order in which they are stored.
    fn as_stored(&self, values: Vec<f32>, rows: usize) -> Vec<f32> {
        match (self.change, self.spec.role, &self.spec.shape[..]) {
            (Change::Transpose, _, &[rows, _]) => {
                let mut columns = Vec::with_capacity(values.len());
                transpose(&values, rows, &mut columns);
                columns
            }
            (_, Role::Convolution, &[_, input, height, width]) => {
                channels_last(values, [rows, input, height, width]).0
            }
            _ => values,
        }
    }
}
