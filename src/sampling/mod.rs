//! Sampling in the space of sigmas, as in Karras et al. (arXiv 2206.00364): x is the picture plus noise of deviation sigma,
//! whatever space diffusers' scheduler of the same name keeps its latents in. A schedule gives the steps, a sampler walks
//! them, a denoiser alone knows how the network is parametrised.

mod ddim;
mod denoiser;
mod dpmpp_2m;
mod dpmpp_2m_sde;
mod estimate;
mod euler;
mod euler_ancestral;
mod guidance;
mod lcm;
mod noise_schedule;
mod options;
mod schedule;
mod scheduler_config;
mod timesteps;
mod unipc;

use burn::tensor::Tensor;

use crate::Result;

pub use denoiser::Denoiser;
pub use guidance::guide;
pub use noise_schedule::NoiseSchedule;
pub use options::{Sampler, SamplingOptions, Spacing};
pub use schedule::{Schedule, Step};
pub use scheduler_config::{BetaSchedule, Prediction, SchedulerConfig};

/// Walks the steps, or a part of a run's: one that ends before the run does is gone on with from where it ended.
/// `noise` gives standard normal noise of x's shape; it is asked for as often, and when, diffusers draws.
///
/// # Shapes
/// - x, output: `[batch, height, width, latent]`, of the first step's `sigma` and the last step's `next`
pub async fn sample(
    sampler: Sampler,
    denoiser: &mut impl Denoiser,
    noise: &mut impl FnMut() -> Tensor<4>,
    x: Tensor<4>,
    steps: &[Step],
) -> Result<Tensor<4>> {
    match sampler {
        Sampler::Euler => euler::euler(denoiser, x, steps).await,
        Sampler::EulerAncestral => {
            euler_ancestral::euler_ancestral(denoiser, noise, x, steps).await
        }
        Sampler::Dpmpp2m => dpmpp_2m::dpmpp_2m(denoiser, x, steps).await,
        Sampler::Dpmpp2mSde => dpmpp_2m_sde::dpmpp_2m_sde(denoiser, noise, x, steps).await,
        Sampler::Ddim => ddim::ddim(denoiser, x, steps).await,
        Sampler::UniPc => unipc::unipc(denoiser, x, steps).await,
        Sampler::Lcm => lcm::lcm(denoiser, noise, x, steps).await,
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests;
