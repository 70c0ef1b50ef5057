use burn::tensor::Tensor;

use super::Step;
use crate::Result;

/// An estimate of the picture under the noise.
#[allow(
    async_fn_in_trait,
    reason = "one thread samples, in the browser and natively, so no caller needs a Send future"
)]
pub trait Denoiser {
    /// The estimate for `x`, which is the picture plus noise of deviation `step.sigma`.
    ///
    /// # Shapes
    /// - x, output: `[batch, height, width, latent]`
    async fn denoise(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>>;

    /// Sees `x` after every step, now with noise of deviation `step.next`, and gives what to go on with.
    ///
    /// # Shapes
    /// - x, output: `[batch, height, width, latent]`
    async fn stepped(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>> {
        let _ = step;
        Ok(x)
    }
}

/// A network that was trained to predict the noise in a variance-preserving mixture, as all of SDXL is.
pub struct EpsilonDenoiser<F> {
    /// Predicts the noise in a scaled latent at a timestep.
    network: F,
}

impl<F: AsyncFnMut(Tensor<4>, f32) -> Result<Tensor<4>>> EpsilonDenoiser<F> {
    /// `network` is given x of deviation 1 and the timestep, and gives the noise in it.
    pub fn new(network: F) -> Self {
        Self { network }
    }
}

impl<F: AsyncFnMut(Tensor<4>, f32) -> Result<Tensor<4>>> Denoiser for EpsilonDenoiser<F> {
    async fn denoise(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>> {
        let scaled = x.clone() / step.sigma.hypot(1.0);
        let epsilon = (self.network)(scaled, step.timestep as f32).await?;
        Ok(x - epsilon * step.sigma)
    }
}
