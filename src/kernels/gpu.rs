//! The kernels on CubeCL's wgpu runtime.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_cubecl::CubeBackend;

use super::{GroupNormOptions, Kernels, Packing, Window};
use super::{attention, conv2d, embedding, group_norm, layer_norm, linear};

impl Kernels for CubeBackend {
    fn linear(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        has_residual: bool,
        packing: Packing,
        gated: bool,
    ) -> FloatTensor<Self> {
        let residual = has_residual.then_some(residual);
        linear::gpu(x, weight, bias, residual, packing, gated)
    }

    fn conv2d(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        has_residual: bool,
        packing: Packing,
        window: Window,
    ) -> FloatTensor<Self> {
        let residual = has_residual.then_some(residual);
        conv2d::gpu(x, weight, bias, residual, packing, window)
    }

    fn embedding(
        weight: IntTensor<Self>,
        ids: IntTensor<Self>,
        packing: Packing,
    ) -> FloatTensor<Self> {
        embedding::gpu(weight, ids, packing)
    }

    fn group_norm_statistics(x: FloatTensor<Self>) -> FloatTensor<Self> {
        group_norm::gpu::statistics(x)
    }

    fn group_norm(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        options: GroupNormOptions,
    ) -> FloatTensor<Self> {
        group_norm::gpu::apply(x, statistics, gamma, beta, options)
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        layer_norm::gpu(x, gamma, beta, eps)
    }

    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        heads: usize,
        causal: bool,
    ) -> FloatTensor<Self> {
        attention::gpu(q, k, v, heads, causal)
    }
}
