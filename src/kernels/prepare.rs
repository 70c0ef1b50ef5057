//! What comes before the first use of a device: finding out which variants pay on it, unless that is known, then compiling and
//! testing those.

use burn::tensor::Device;

use super::{Tuning, self_test, tune};
use crate::weights::Encoding;
use crate::{Precision, Result};

/// What is prepared, and for whom.
pub struct Preparation<'a> {
    /// What was found out about this device before.
    pub tuning: Option<Tuning>,
    /// Encodings that weights will have.
    pub encodings: &'a [Encoding],
    /// Seconds since some moment.
    pub clock: &'a dyn Fn() -> f64,
    /// Told how many kernels are ready, and of how many; an error it returns ends the preparation.
    pub progress: &'a mut dyn FnMut(usize, usize) -> Result<()>,
}

/// Measures, compiles and tests; gives what was found out.
pub async fn prepare(device: &Device, preparation: Preparation<'_>) -> Result<Tuning> {
    let Preparation {
        tuning,
        encodings,
        clock,
        progress,
    } = preparation;
    let tuning = match tuning {
        Some(known) => known,
        None => Tuning::measure(device, clock).await?,
    };
    tune(tuning);
    let precisions = match tuning.precision() {
        Precision::F32 => &[Precision::F32][..],
        Precision::F16 => &[Precision::F32, Precision::F16],
    };
    self_test(device, encodings, precisions, progress).await?;
    Ok(tuning)
}
