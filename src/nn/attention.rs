use burn::tensor::{DType, Tensor, activation::softmax};

/// Most values of a score tensor that are alive at once (128 MiB, the least binding size that WebGPU promises): more
/// queries than fit are taken in turns. SDXL at 1024x1024 has 10 heads of 4096 x 4096 scores in one layer.
const MAX_SCORES: usize = 32 << 20;

/// Softmax attention over `heads` heads of equal width. In f32 within, whatever the activations are: in the middle of the
/// VAE at 1024x1024 a probability is 1/16384 on average, which f16 has only as a subnormal number, and a GPU may take those
/// for zero.
///
/// # Shapes
/// - q: `[batch, queries, heads * width]`
/// - k, v: `[batch, keys, heads * width]`
/// - mask: `[queries, keys]`, added to the scores
/// - output: `[batch, queries, heads * width]`
pub fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    heads: usize,
    mask: Option<Tensor<2>>,
) -> Tensor<3> {
    let [batch, queries, channels] = q.dims();
    let [_, keys, _] = k.dims();
    assert_eq!(
        channels % heads,
        0,
        "attention: {channels} channels in {heads} heads"
    );
    let width = channels / heads;
    let dtype = q.dtype();
    let [q, k, v] = [q, k, v].map(|x| x.cast(DType::F32));
    let by_head = |x: Tensor<3>, length| x.reshape([batch, length, heads, width]).swap_dims(1, 2);
    let q = by_head(q, queries) * (width as f64).powf(-0.5);
    let k = by_head(k, keys).swap_dims(2, 3);
    let v = by_head(v, keys);

    let step = (MAX_SCORES / (batch * heads * keys)).clamp(1, queries);
    let parts = (0..queries).step_by(step).map(|first| {
        let last = (first + step).min(queries);
        let mut scores = q.clone().narrow(2, first, last - first).matmul(k.clone());
        if let Some(mask) = &mask {
            scores = scores + mask.clone().narrow(0, first, last - first).unsqueeze::<4>();
        }
        softmax(scores, 3).matmul(v.clone())
    });
    Tensor::cat(parts.collect(), 2)
        .swap_dims(1, 2)
        .reshape([batch, queries, channels])
        .cast(dtype)
}
