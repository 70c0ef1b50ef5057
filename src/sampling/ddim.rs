use burn::tensor::Tensor;

use super::{Denoiser, Step};
use crate::Result;

/// DDIM without noise of its own (Song et al., arXiv 2010.02502): Euler's method, but to `step.target`. Where that is not the
/// sigma that the next step begins with, diffusers goes on with the same variance-preserving latent, and so do we.
pub(super) async fn ddim(
    denoiser: &mut impl Denoiser,
    mut x: Tensor<4>,
    steps: &[Step],
) -> Result<Tensor<4>> {
    for &step in steps {
        let denoised = denoiser.denoise(x.clone(), step).await?;
        let d = (x - denoised.clone()) / step.sigma;
        let preserving = (denoised + d * step.target) / step.target.hypot(1.0);
        x = denoiser
            .stepped(preserving * step.next.hypot(1.0), step)
            .await?;
    }
    Ok(x)
}
