use burn::tensor::Tensor;

/// What a multistep sampler remembers of a step.
pub(super) struct Estimate {
    /// Sigma at which the picture was estimated.
    pub sigma: f64,
    /// The estimate.
    pub denoised: Tensor<4>,
}

impl Estimate {
    /// The estimate half a step ahead, on the line through it and the one before, in the logarithm of sigma: second order
    /// of DPM-Solver++ (arXiv 2211.01095) and of UniPC's predictor (arXiv 2302.04867). Without one before, and in the step to
    /// sigma 0, which is infinitely far away, it is the estimate itself.
    pub fn ahead(&self, before: Option<&Self>, next: f64) -> Tensor<4> {
        let here = self.denoised.clone();
        match before {
            Some(before) if next > 0.0 => {
                let steps = (self.sigma / next).ln() / (before.sigma / self.sigma).ln();
                here.clone() + (here - before.denoised.clone()) * (0.5 * steps)
            }
            _ => here,
        }
    }
}
