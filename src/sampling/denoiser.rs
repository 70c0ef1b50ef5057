use burn::tensor::Tensor;

use crate::Result;

/// An estimate of the picture under the noise.
#[allow(
    async_fn_in_trait,
    reason = "one thread samples, in the browser and natively, so no caller needs a Send future"
)]
pub trait Denoiser {
    /// The estimate for `x`, which is the picture plus noise of deviation `sigma`.
    ///
    /// # Shapes
    /// - x, output: `[batch, height, width, latent]`
    async fn denoise(&mut self, x: Tensor<4>, sigma: f64) -> Result<Tensor<4>>;
}

/// A network that was trained to predict the noise in a variance-preserving mixture, as all of SDXL is.
pub struct EpsilonDenoiser<F> {
    /// Timestep of every sigma of the training.
    training_sigmas: Vec<f64>,
    /// Predicts the noise in a scaled latent at a timestep.
    network: F,
}

impl<F: AsyncFnMut(Tensor<4>, f32) -> Result<Tensor<4>>> EpsilonDenoiser<F> {
    /// `training_sigmas` rise with the timestep, see [`super::SchedulerConfig::training_sigmas`].
    pub fn new(training_sigmas: Vec<f64>, network: F) -> Self {
        Self {
            training_sigmas,
            network,
        }
    }

    /// The timestep of a sigma; between two of the training's, by the logarithm [`_sigma_to_t`].
    fn timestep(&self, sigma: f64) -> f64 {
        let table = &self.training_sigmas;
        let high = table
            .partition_point(|&s| s < sigma)
            .clamp(1, table.len() - 1);
        let (low_log, high_log) = (table[high - 1].ln(), table[high].ln());
        let fraction = ((sigma.ln() - low_log) / (high_log - low_log)).clamp(0.0, 1.0);
        (high - 1) as f64 + fraction
    }
}

impl<F: AsyncFnMut(Tensor<4>, f32) -> Result<Tensor<4>>> Denoiser for EpsilonDenoiser<F> {
    async fn denoise(&mut self, x: Tensor<4>, sigma: f64) -> Result<Tensor<4>> {
        let timestep = self.timestep(sigma) as f32;
        let epsilon = (self.network)(x.clone() / sigma.hypot(1.0), timestep).await?;
        Ok(x - epsilon * sigma)
    }
}
