//! Fully connected layer over encoded weights. GPU: gemm.wgsl + rows.wgsl.

use burn_cubecl::tensor::CubeTensor;

use super::Packing;
use super::gemm::{self, Product};

pub(super) fn gpu(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    residual: Option<CubeTensor>,
    packing: Packing,
    gated: bool,
) -> CubeTensor {
    let rows = x.meta.shape()[0];
    let product = Product {
        input: ("rows", include_str!("rows.wgsl")),
        rows,
        taps: 1,
        channels: packing.columns,
        gated,
        geometry: [0; 10],
    };
    let width = packing.rows / if gated { 2 } else { 1 };
    gemm::gpu(x, weight, bias, residual, packing, &product, [rows, width])
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn::backend::ops::{ActivationOps, FloatTensorOps};
    use burn_flex::{Flex, FlexTensor};

    use crate::kernels::Packing;
    use crate::kernels::plain::{matmul_transposed, plus};

    pub fn linear(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        residual: Option<FlexTensor>,
        packing: Packing,
        gated: bool,
    ) -> FlexTensor {
        let y = plus(matmul_transposed(x, weight, packing), &bias, residual);
        match gated {
            true => geglu(y),
            false => y,
        }
    }

    fn geglu(x: FlexTensor) -> FlexTensor {
        let shape = x.layout().shape();
        let last = shape.num_dims() - 1;
        let width = shape[last] / 2;
        let gate = Flex::gelu(x.narrow(last, width, width));
        Flex::float_mul(x.narrow(last, 0, width), gate)
    }
}
