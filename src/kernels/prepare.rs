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
    /// What networks are to be computed in; without it, f16 where it pays.
    pub precision: Option<Precision>,
    /// Encodings that weights will have.
    pub encodings: &'a [Encoding],
    /// Seconds since some moment.
    pub clock: &'a dyn Fn() -> f64,
    /// Told how many kernels are ready, and of how many; an error it returns ends the preparation.
    pub progress: &'a mut dyn FnMut(usize, usize) -> Result<()>,
}

/// What a device is prepared for.
#[derive(Debug, Clone, Copy)]
pub struct Prepared {
    /// What was found out about it.
    pub tuning: Tuning,
    /// What networks are computed in.
    pub precision: Precision,
}

/// Measures, compiles and tests.
pub async fn prepare(device: &Device, preparation: Preparation<'_>) -> Result<Prepared> {
    let Preparation {
        tuning,
        precision,
        encodings,
        clock,
        progress,
    } = preparation;
    let tuning = match tuning {
        Some(known) => known,
        None => Tuning::measure(device, clock).await?,
    };
    tune(tuning);
    let precision = precision.unwrap_or_else(|| tuning.precision());
    precision.check(device)?;
    self_test(device, encodings, precision.with_f32(), progress).await?;
    Ok(Prepared { tuning, precision })
}
