use burn::tensor::Tensor;

/// Classifier-free guidance (Ho and Salimans, arXiv 2207.12598) of a batch of two halves, negative and positive. `rescale`,
/// from 0 to 1, draws the deviation of the result back to that of the positive half (Lin et al., arXiv 2305.08891,
/// section 3.4), which strong guidance leaves too large.
///
/// # Shapes
/// - both: `[2 * batch, height, width, latent]`
/// - output: `[batch, height, width, latent]`
pub fn guide(both: Tensor<4>, scale: f64, rescale: f64) -> Tensor<4> {
    let [twice, _, _, _] = both.dims();
    let batch = twice / 2;
    let negative = both.clone().narrow(0, 0, batch);
    let positive = both.narrow(0, batch, batch);
    let guided = negative.clone() + (positive.clone() - negative) * scale;
    if rescale == 0.0 {
        return guided;
    }
    let ratio = deviation(positive) / deviation(guided.clone());
    guided * (ratio * rescale + (1.0 - rescale))
}

/// Unbiased standard deviation over all values of each item.
///
/// # Shapes
/// - x: `[batch, height, width, latent]`
/// - output: `[batch, 1, 1, 1]`
fn deviation(x: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, latent] = x.dims();
    let items = x.reshape([batch, height * width * latent]);
    items.var(1).sqrt().reshape([batch, 1, 1, 1])
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn rescaled_guidance_has_the_deviation_of_the_positive_half() {
        let values: Vec<f32> = (0..24).map(|i| ((i * i) % 7) as f32).collect();
        let data = TensorData::new(values, [4, 1, 3, 2]);
        let both = Tensor::<4>::from_data(data, &Device::flex());
        let values = |x: Tensor<4>| x.into_data().try_into_vec::<f32>().unwrap();
        let positive = values(deviation(both.clone().narrow(0, 2, 2)));
        let plain = guide(both.clone(), 5.0, 0.0);
        let rescaled = values(deviation(guide(both.clone(), 5.0, 1.0)));
        let half = values(guide(both, 5.0, 0.5));
        for (a, b) in rescaled.iter().zip(&positive) {
            assert!((a - b).abs() < 1e-5, "{rescaled:?} is not {positive:?}");
        }
        let ratio = |i: usize| positive[i] / values(deviation(plain.clone()))[i];
        let expected = values(plain.clone())[1] * (0.5 + 0.5 * ratio(0));
        assert!((half[1] - expected).abs() < 1e-4);
    }
}
