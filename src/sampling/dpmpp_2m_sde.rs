use burn::tensor::Tensor;

use super::estimate::Estimate;
use super::{Denoiser, Step};
use crate::Result;

/// SDE-DPM-Solver++(2M) of Lu et al. (arXiv 2211.01095): the diffusion SDE in place of the ODE.
pub(super) async fn dpmpp_2m_sde(
    denoiser: &mut impl Denoiser,
    noise: &mut impl FnMut() -> Tensor<4>,
    mut x: Tensor<4>,
    steps: &[Step],
) -> Result<Tensor<4>> {
    let mut before = None;
    for &step in steps {
        let here = Estimate {
            sigma: step.sigma,
            denoised: denoiser.denoise(x.clone(), step).await?,
        };
        let ratio = step.next / step.sigma;
        let fresh = 1.0 - ratio * ratio;
        x = x * (ratio * ratio) + here.ahead(before.as_ref(), step.next) * fresh;
        x = x + noise() * (step.next * fresh.sqrt());
        x = denoiser.stepped(x, step).await?;
        before = Some(here);
    }
    Ok(x)
}
