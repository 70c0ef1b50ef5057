use burn::tensor::Tensor;

use super::Step;
use crate::Result;

/// A network that was trained to predict the noise in a variance-preserving mixture, as all of SDXL is.
#[allow(
    async_fn_in_trait,
    reason = "one thread samples, in the browser and natively, so no caller needs a Send future"
)]
pub trait Denoiser {
    /// The noise, of deviation 1, in a mixture of picture and noise that has deviation 1 as well.
    ///
    /// # Shapes
    /// - scaled, output: `[batch, height, width, latent]`
    async fn predict_noise(&mut self, scaled: Tensor<4>, timestep: f32) -> Result<Tensor<4>>;

    /// An estimate of the picture under the noise, for `x`, which is the picture plus noise of deviation `step.sigma`.
    ///
    /// # Shapes
    /// - x, output: `[batch, height, width, latent]`
    async fn denoise(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>> {
        let scaled = x.clone() / step.sigma.hypot(1.0);
        let noise = self.predict_noise(scaled, step.timestep as f32).await?;
        let estimate = x - noise * step.sigma;
        self.estimated(&estimate);
        Ok(estimate)
    }

    /// Sees every estimate.
    fn estimated(&mut self, estimate: &Tensor<4>) {
        let _ = estimate;
    }

    /// Sees `x` after every step, now with noise of deviation `step.next`, and gives what to go on with.
    ///
    /// # Shapes
    /// - x, output: `[batch, height, width, latent]`
    async fn stepped(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>> {
        let _ = step;
        Ok(x)
    }
}
