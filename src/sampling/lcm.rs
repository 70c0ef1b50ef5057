use burn::tensor::Tensor;

use super::{Denoiser, Step};
use crate::Result;

/// Deviation of the data, in the boundary condition of consistency models.
const SIGMA_DATA: f64 = 0.5;
/// What the boundary condition counts a timestep as [`LCMScheduler`, `timestep_scaling`].
const TIMESTEP_SCALING: f64 = 10.0;

/// Multistep consistency sampling (Luo et al., arXiv 2310.04378): to the picture in each step, and back with fresh noise.
pub(super) async fn lcm(
    denoiser: &mut impl Denoiser,
    noise: &mut impl FnMut() -> Tensor<4>,
    mut x: Tensor<4>,
    steps: &[Step],
) -> Result<Tensor<4>> {
    for &step in steps {
        let denoised = denoiser.denoise(x.clone(), step).await?;
        // At timestep 0 the picture would be x itself.
        let away = (step.timestep * TIMESTEP_SCALING).hypot(SIGMA_DATA);
        let skip = (SIGMA_DATA / away).powi(2);
        let out = step.timestep * TIMESTEP_SCALING / away;
        x = denoised * out + x * (skip / step.sigma.hypot(1.0));
        if step.next > 0.0 {
            x = x + noise() * step.next;
        }
        x = denoiser.stepped(x, step).await?;
    }
    Ok(x)
}
