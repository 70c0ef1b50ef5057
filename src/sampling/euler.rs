use burn::tensor::Tensor;

use super::Denoiser;
use crate::Result;

/// Euler's method on the probability flow ODE, algorithm 2 of Karras et al. (arXiv 2206.00364) without churn.
///
/// # Shapes
/// - x, output: `[batch, height, width, latent]`
pub async fn euler(
    denoiser: &mut impl Denoiser,
    mut x: Tensor<4>,
    sigmas: &[f64],
) -> Result<Tensor<4>> {
    for step in sigmas.windows(2) {
        let [sigma, next] = [step[0], step[1]];
        let denoised = denoiser.denoise(x.clone(), sigma).await?;
        let d = (x.clone() - denoised) / sigma;
        x = x + d * (next - sigma);
    }
    Ok(x)
}
