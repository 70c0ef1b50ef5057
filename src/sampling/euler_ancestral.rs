use burn::tensor::Tensor;

use super::{Denoiser, Step};
use crate::Result;

/// Euler's method to a sigma below the next, and fresh noise to come up to it [`EulerAncestralDiscreteScheduler.step`].
pub(super) async fn euler_ancestral(
    denoiser: &mut impl Denoiser,
    noise: &mut impl FnMut() -> Tensor<4>,
    mut x: Tensor<4>,
    steps: &[Step],
) -> Result<Tensor<4>> {
    for &step in steps {
        let denoised = denoiser.denoise(x.clone(), step).await?;
        let d = (x.clone() - denoised) / step.sigma;
        // The deviations of a step of DDPM (Ho et al., arXiv 2006.11239).
        let ratio = step.next / step.sigma;
        let (down, up) = (step.next * ratio, step.next * (1.0 - ratio * ratio).sqrt());
        x = x + d * (down - step.sigma) + noise() * up;
        x = denoiser.stepped(x, step).await?;
    }
    Ok(x)
}
