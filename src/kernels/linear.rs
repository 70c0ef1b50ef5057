//! Fully connected layer over encoded weights. GPU: gemm.wgsl + rows.wgsl.

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::Packing;
use super::launch::{Wgsl, launch};

/// Rows and columns of the output that one workgroup makes: gemm.wgsl's TILE.
pub(super) const TILE: usize = 64;

pub(super) fn gpu(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    packing: Packing,
) -> CubeTensor {
    let x = into_contiguous(x);
    let rows = x.meta.shape()[0];
    let (decoder, decode) = packing.decoder();
    let kernel = Wgsl {
        name: ["gemm", "rows", decoder],
        parts: vec![include_str!("gemm.wgsl"), include_str!("rows.wgsl"), decode],
        value: x.dtype,
    };
    let mut info = [0; 14];
    info[..3].copy_from_slice(&[rows, packing.rows, packing.columns].map(|n| n as u32));
    let workgroups = [rows.div_ceil(TILE), packing.rows.div_ceil(TILE)];
    let output = (x.dtype, [rows, packing.rows]);
    launch(kernel, &[x, weight, bias], output, &info, workgroups)
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn_flex::FlexTensor;

    use crate::kernels::Packing;
    use crate::kernels::plain::matmul_transposed;

    pub fn linear(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        packing: Packing,
    ) -> FlexTensor {
        matmul_transposed(x, weight, &bias, packing)
    }
}
