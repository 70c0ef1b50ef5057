use burn::tensor::Tensor;

/// Classifier-free guidance (Ho and Salimans, arXiv 2207.12598) of a batch of two halves, negative and positive.
///
/// # Shapes
/// - both: `[2 * batch, height, width, latent]`
/// - output: `[batch, height, width, latent]`
pub fn guide(both: Tensor<4>, scale: f64) -> Tensor<4> {
    let [twice, _, _, _] = both.dims();
    let batch = twice / 2;
    let negative = both.clone().narrow(0, 0, batch);
    let positive = both.narrow(0, batch, batch);
    negative.clone() + (positive - negative) * scale
}
