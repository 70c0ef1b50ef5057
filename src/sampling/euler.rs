use burn::tensor::Tensor;

use super::{Denoiser, Step};
use crate::Result;

/// Euler's method on the probability flow ODE, algorithm 2 of Karras et al. (arXiv 2206.00364) without churn.
pub(super) async fn euler(
    denoiser: &mut impl Denoiser,
    mut x: Tensor<4>,
    steps: &[Step],
) -> Result<Tensor<4>> {
    for &step in steps {
        let denoised = denoiser.denoise(x.clone(), step).await?;
        let d = (x.clone() - denoised) / step.sigma;
        x = denoiser
            .stepped(x + d * (step.next - step.sigma), step)
            .await?;
    }
    Ok(x)
}
