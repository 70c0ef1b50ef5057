//! How far numbers are from the exact ones.

/// Of two tensors.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// Peak signal to noise, in dB; the peak is the exact tensor's largest magnitude.
    pub psnr: f64,
    /// Cosine of the angle between the two as vectors.
    pub cosine: f64,
}

impl Difference {
    /// `other` against `exact`.
    pub fn of(exact: &[f32], other: &[f32]) -> Self {
        let peak = exact.iter().fold(0.0f32, |peak, v| peak.max(v.abs()));
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            products.sum()
        };
        let lengths = (dot(exact, exact) * dot(other, other)).sqrt();
        Self {
            psnr: psnr(exact, other, peak.into()),
            cosine: dot(exact, other) / lengths,
        }
    }

    /// The mean of several.
    pub fn mean(differences: &[Self]) -> Self {
        let count = differences.len() as f64;
        Self {
            psnr: differences.iter().map(|d| d.psnr).sum::<f64>() / count,
            cosine: differences.iter().map(|d| d.cosine).sum::<f64>() / count,
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} dB, {:.5}", self.psnr, self.cosine)
    }
}

/// In dB.
pub fn psnr(exact: &[f32], other: &[f32], peak: f64) -> f64 {
    let squares = exact
        .iter()
        .zip(other)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    10.0 * (peak * peak * exact.len() as f64 / squares.sum::<f64>()).log10()
}
