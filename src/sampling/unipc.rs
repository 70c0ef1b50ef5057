use burn::tensor::Tensor;

use super::estimate::Estimate;
use super::{Denoiser, Step};
use crate::Result;

/// UniPC of order 2 with B(h) = exp(h) - 1 (Zhao et al., arXiv 2302.04867): each step's estimate first corrects the step
/// that led to it.
pub(super) async fn unipc(
    denoiser: &mut impl Denoiser,
    mut x: Tensor<4>,
    steps: &[Step],
) -> Result<Tensor<4>> {
    let mut last: Option<Start> = None;
    for &step in steps {
        let here = Estimate {
            sigma: step.sigma,
            denoised: denoiser.denoise(x.clone(), step).await?,
        };
        let mut before = None;
        if let Some(start) = last.take() {
            x = start.corrected(&here);
            before = Some(start.here);
        }
        let ratio = step.next / step.sigma;
        let ahead = here.ahead(before.as_ref(), step.next);
        let predicted = x.clone() * ratio + ahead * (1.0 - ratio);
        last = Some(Start { x, here, before });
        x = denoiser.stepped(predicted, step).await?;
    }
    Ok(x)
}

/// Where a step set out from.
struct Start {
    x: Tensor<4>,
    here: Estimate,
    before: Option<Estimate>,
}

impl Start {
    /// Where the step should have led to, by the estimate at its end: UniC, of the order that the step had
    /// [`multistep_uni_c_bh_update`].
    fn corrected(&self, end: &Estimate) -> Tensor<4> {
        let here = &self.here;
        let ratio = end.sigma / here.sigma;
        let change = end.denoised.clone() - here.denoised.clone();
        let correction = match &self.before {
            None => change * 0.5,
            Some(before) => {
                // Time is minus the logarithm of sigma, counted in steps from this step's start.
                let h = -ratio.ln();
                let at_before = (here.sigma / before.sigma).ln() / h;
                let [of_before, of_end] = weights(h, at_before);
                (before.denoised.clone() - here.denoised.clone()) * (of_before / at_before)
                    + change * of_end
            }
        };
        self.x.clone() * ratio + (here.denoised.clone() + correction) * (1.0 - ratio)
    }
}

/// The weights of the estimates' differences, at `at_before` and at 1, that integrate polynomials of degree 2 exactly:
/// equation 8 of the paper for two points.
fn weights(h: f64, at_before: f64) -> [f64; 2] {
    let b = (-h).exp_m1();
    let phi_2 = b / -h - 1.0;
    let phi_3 = phi_2 / -h - 0.5;
    let [first, second] = [phi_2 / b, 2.0 * phi_3 / b];
    let of_before = (first - second) / (1.0 - at_before);
    [of_before, first - of_before]
}
