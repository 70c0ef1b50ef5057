use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};

use crate::device::is_cpu;
use crate::{Error, Result};

/// Type of the activations of a network. Sums within an operation, sampling, guidance and noise are f32 either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// On every device.
    #[default]
    F32,
    /// Half the memory; on GPUs that have WebGPU's `shader-f16`.
    F16,
}

impl Precision {
    /// Burn's name of it.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
        }
    }

    /// This one, and f32, which parts of every network are computed in.
    pub(crate) fn with_f32(self) -> &'static [Self] {
        match self {
            Precision::F32 => &[Precision::F32],
            Precision::F16 => &[Precision::F32, Precision::F16],
        }
    }

    /// Refuses a device that cannot compute so. The CPU's kernels are plain f32.
    pub fn check(self, device: &Device) -> Result<()> {
        let has_it = self == Precision::F32 || !is_cpu(device) && device.supports_dtype(DType::F16);
        match has_it {
            true => Ok(()),
            false => Err(Error::BadRequest {
                field: "precision",
                problem: "this device has no f16 (`shader-f16` of WebGPU); choose f32".into(),
            }),
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_has_no_f16() {
        let device = Device::flex();
        assert!(Precision::F32.check(&device).is_ok());
        let refused = Precision::F16.check(&device);
        assert!(matches!(
            refused,
            Err(Error::BadRequest {
                field: "precision",
                ..
            })
        ));
    }
}
