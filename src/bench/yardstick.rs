//! What the speeds of the kernels are held against: a plain matrix product by hand (yardstick.wgsl), on the same device and at
//! the same time.

use burn::tensor::Tensor;
use burn_cubecl::CubeBackend;

use crate::kernels::launch::{Wgsl, launch};

/// Side of yardstick.wgsl's tile: of a matrix, a side must be a multiple of it.
const TILE: usize = 128;

/// `x · y` of two square matrices of a multiple of 128.
pub(super) fn product(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    let primitive = |x: &Tensor<2>| x.clone().try_into_primitive::<CubeBackend>();
    let (Ok(a), Ok(b)) = (primitive(&x), primitive(&y)) else {
        return on_cpu(x, y);
    };
    let [side, _] = x.dims();
    let kernel = Wgsl {
        name: vec!["yardstick"],
        parts: vec![include_str!("yardstick.wgsl")],
        value: a.dtype,
    };
    let output = (a.dtype, [side; 2]);
    let groups = side / TILE;
    let product = launch(kernel, &[a, b], output, &[side as u32; 3], [groups; 2]);
    Tensor::from_primitive::<CubeBackend>(product)
}

#[cfg(not(target_arch = "wasm32"))]
fn on_cpu(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    x.matmul(y)
}

#[cfg(target_arch = "wasm32")]
fn on_cpu(_: Tensor<2>, _: Tensor<2>) -> Tensor<2> {
    unreachable!("a browser's tensors are the GPU's")
}
