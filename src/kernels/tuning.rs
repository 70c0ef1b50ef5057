//! What was found out about the adapter, and decides which variant of a kernel runs.

use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::Precision;

/// Which variants pay on this adapter; every variant gives the same result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tuning {
    /// [`Self::VERSION`], of the kernels that were tried.
    pub version: u32,
    /// Whether a workgroup shares its work through workgroup memory. It does on every GPU; on a software adapter a barrier
    /// costs more than it saves, and an invocation had better work alone.
    pub shared: bool,
    /// From how many workgroups on a matrix product is made in large tiles: with fewer, too many cores stay idle.
    pub large_tiles_from: u32,
    /// Whether activations in f16 are faster than in f32.
    pub f16: bool,
    /// Multiply-adds a second in a large matrix product, zero where it was not measured.
    pub speed: f64,
}

impl Default for Tuning {
    /// What fits a GPU that nothing is known about.
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            shared: true,
            large_tiles_from: 128,
            f16: false,
            speed: 0.0,
        }
    }
}

impl Tuning {
    /// To be raised when kernels become faster or slower, or are compared otherwise.
    pub const VERSION: u32 = 2;

    /// What networks are computed in where nobody asks for another.
    pub fn precision(&self) -> Precision {
        match self.f16 {
            true => Precision::F16,
            false => Precision::F32,
        }
    }
}

/// Of the one adapter that a process uses.
static TUNING: RwLock<Option<Tuning>> = RwLock::new(None);

/// What [`tune`] said last.
pub fn tuning() -> Tuning {
    let tuning = TUNING.read().unwrap_or_else(PoisonError::into_inner);
    tuning.unwrap_or_default()
}

/// Decides which variants run from now on.
pub fn tune(tuning: Tuning) {
    *TUNING.write().unwrap_or_else(PoisonError::into_inner) = Some(tuning);
}
