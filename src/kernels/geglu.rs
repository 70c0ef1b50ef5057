//! The gated nonlinearity of a transformer's feed-forward network. GPU: geglu.wgsl.

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Wgsl, launch, one_each};
use super::workers::lanes;

pub(super) fn gpu(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    let mut shape = x.meta.shape().clone();
    let last = shape.num_dims() - 1;
    shape[last] /= 2;
    let width = shape[last];
    let rows = shape.num_elements() / width;
    let (lanes, _) = lanes(width);
    let kernel = Wgsl {
        name: vec!["geglu", lanes.name],
        parts: vec![
            lanes.source,
            include_str!("geglu.wgsl"),
            include_str!("gelu.wgsl"),
        ],
        value: x.dtype,
    };
    let output = (x.dtype, shape);
    launch(
        kernel,
        &[x],
        output,
        &[rows as u32, width as u32],
        one_each(rows),
    )
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn::backend::ops::{ActivationOps, FloatTensorOps};
    use burn_flex::{Flex, FlexTensor};

    pub fn geglu(x: FlexTensor) -> FlexTensor {
        let shape = x.layout().shape();
        let last = shape.num_dims() - 1;
        let width = shape[last] / 2;
        let gate = Flex::gelu(x.narrow(last, width, width));
        Flex::float_mul(x.narrow(last, 0, width), gate)
    }
}
