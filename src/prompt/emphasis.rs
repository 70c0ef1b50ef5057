use burn::tensor::{Tensor, TensorData};

/// Multiplies each token's state by its weight.
///
/// # Shapes
/// - states, output: `[1, tokens, width]`
/// - weights: one for each token
pub fn weighted(states: Tensor<3>, weights: &[f32]) -> Tensor<3> {
    let data = TensorData::new(weights.to_vec(), [1, weights.len(), 1]);
    let weights = Tensor::<3>::from_data(data, &states.device());
    states * weights
}

/// Gives weighted states the mean that they had without: the web UI's default.
///
/// # Shapes
/// - weighted, states, output: `[1, tokens, width]`
pub fn renormalised(weighted: Tensor<3>, states: Tensor<3>) -> Tensor<3> {
    let scale = states.mean() / weighted.clone().mean();
    weighted * scale.reshape([1, 1, 1])
}
