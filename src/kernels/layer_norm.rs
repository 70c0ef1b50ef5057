//! LayerNorm over the last axis. GPU: layer_norm.wgsl.

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Wgsl, launch, one_each};
use super::workers::{lanes, workers};

pub(super) fn gpu(x: CubeTensor, gamma: CubeTensor, beta: CubeTensor, eps: f32) -> CubeTensor {
    let x = into_contiguous(x);
    let shape = x.meta.shape().clone();
    let columns = gamma.meta.shape()[0];
    let rows = shape.num_elements() / columns;
    let ((lanes, _), (workers, at_once)) = (lanes(columns), workers());
    let kernel = Wgsl {
        name: vec!["layer_norm", lanes.name, workers.name],
        parts: vec![
            lanes.source,
            include_str!("layer_norm.wgsl"),
            workers.source,
        ],
        value: x.dtype,
    };
    let output = (x.dtype, shape);
    launch(
        kernel,
        &[x, gamma, beta],
        output,
        &[rows as u32, columns as u32, eps.to_bits()],
        one_each(rows.div_ceil(at_once)),
    )
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn_flex::FlexTensor;

    use crate::kernels::plain::{tensor, values};

    pub fn layer_norm(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, eps: f32) -> FlexTensor {
        let x = x.to_contiguous();
        let shape = x.layout().shape().clone();
        let (gamma, beta) = (values(&gamma), values(&beta));
        let mut y = values(&x).to_vec();
        for row in y.chunks_mut(gamma.len()) {
            let count = row.len() as f32;
            let mean = row.iter().sum::<f32>() / count;
            let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
            let scale = 1.0 / (variance + eps).sqrt();
            for ((value, gamma), beta) in row.iter_mut().zip(gamma).zip(beta) {
                *value = (*value - mean) * scale * gamma + beta;
            }
        }
        tensor(y, shape)
    }
}
