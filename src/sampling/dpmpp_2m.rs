use burn::tensor::Tensor;

use super::estimate::Estimate;
use super::{Denoiser, Step};
use crate::Result;

/// DPM-Solver++(2M), algorithm 2 of Lu et al. (arXiv 2211.01095).
pub(super) async fn dpmpp_2m(
    denoiser: &mut impl Denoiser,
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
        x = x * ratio + here.ahead(before.as_ref(), step.next) * (1.0 - ratio);
        x = denoiser.stepped(x, step).await?;
        before = Some(here);
    }
    Ok(x)
}
