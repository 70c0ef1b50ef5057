//! The tensors of one component of a checkpoint, read in one layout whatever the checkpoint's.

use std::rc::Rc;

use super::channels_last::{channels_last, transposed};
use super::checkpoint::Checkpoint;
use super::inventory::{Role, Spec};
use super::manifest::ComponentName;
use super::names::{Change, Origin};
use crate::{Error, Result};

/// The tensors of one component, found and of the right shapes, not yet read.
#[derive(Debug)]
pub struct ComponentWeights {
    pub(super) component: ComponentName,
    pub(super) checkpoint: Rc<Checkpoint>,
    /// Each with its place in the checkpoint.
    pub tensors: Vec<(Spec, Origin)>,
}

impl ComponentWeights {
    /// Bytes that reading a tensor takes from the disk.
    pub fn stored_len(&self, index: usize) -> u64 {
        let (_, origin) = &self.tensors[index];
        let length = self
            .checkpoint
            .info(&origin.name)
            .map_or(0, |info| info.length);
        if matches!(origin.change, Change::Third(_)) {
            length / 3
        } else {
            length
        }
    }

    /// A tensor's values in the folder's layout, but convolutions as `[out, height, width, in]`; and that shape.
    pub fn read(&self, index: usize) -> Result<(Vec<f32>, Vec<usize>)> {
        let (spec, origin) = &self.tensors[index];
        let rows = origin.shape.first().copied().unwrap_or(1);
        let wanted = match origin.change {
            Change::Third(i) => i * rows / 3..(i + 1) * rows / 3,
            Change::Copy | Change::Transpose | Change::Conv1x1 => 0..rows,
        };
        let values = self
            .checkpoint
            .rows(&origin.name, wanted)
            .unwrap_or_else(|| {
                Err(Error::MissingTensor {
                    component: self.component.to_string(),
                    tensor: origin.name.clone(),
                })
            })?;
        Ok(match (origin.change, spec.role, &spec.shape[..]) {
            (Change::Transpose, _, &[rows, columns]) => {
                (transposed(&values, columns, rows), spec.shape.clone())
            }
            (_, Role::Convolution, &[out, input, height, width]) => {
                let (values, shape) = channels_last(values, [out, input, height, width]);
                (values, shape.to_vec())
            }
            _ => (values, spec.shape.clone()),
        })
    }
}
