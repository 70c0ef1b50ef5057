//! Rows of an encoded matrix by number. GPU: embedding.wgsl.

use burn::backend::wgpu::into_contiguous;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::Packing;
use super::launch::{Wgsl, launch};

const THREADS: usize = 256;
const VALUES_PER_THREAD: usize = 4;

pub(super) fn gpu(weight: CubeTensor, ids: CubeTensor, packing: Packing) -> CubeTensor {
    let ids = into_contiguous(ids);
    let count = ids.meta.shape()[0];
    let (decoder, decode) = packing.decoder();
    let kernel = Wgsl {
        name: vec!["embedding", decoder],
        parts: vec![include_str!("embedding.wgsl"), decode],
        value: DType::F32,
    };
    let info = [packing.rows, packing.columns, count].map(|n| n as u32);
    let workgroups = [
        (count * packing.columns.div_ceil(VALUES_PER_THREAD)).div_ceil(THREADS),
        1,
    ];
    launch(
        kernel,
        &[weight, ids],
        (DType::F32, [count, packing.columns]),
        &info,
        workgroups,
    )
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn::tensor::Shape;
    use burn_flex::FlexTensor;

    use crate::kernels::Packing;
    use crate::kernels::plain::{decoded, tensor, values};

    pub fn embedding(weight: FlexTensor, ids: FlexTensor, packing: Packing) -> FlexTensor {
        let weight = decoded(weight, packing);
        let ids = ids.to_contiguous();
        let mut rows = Vec::new();
        for &id in ids.storage::<u32>() {
            rows.extend_from_slice(
                &values(&weight)[id as usize * packing.columns..][..packing.columns],
            );
        }
        let count = rows.len() / packing.columns;
        tensor(rows, Shape::new([count, packing.columns]))
    }
}
