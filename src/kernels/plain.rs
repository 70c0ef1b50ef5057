//! What the plain twins share: values of a CPU tensor, and the matrix product behind `linear` and `conv2d`.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Shape, TensorData};
use burn_flex::{Flex, FlexTensor};

use super::{GroupNormOptions, Kernels, Packing, Window};
use super::{attention, conv2d, embedding, group_norm, layer_norm, linear};
use crate::weights::{Encoding, quantize};

impl Kernels for Flex {
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
        linear::plain::linear(x, weight, bias, residual, packing, gated)
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
        conv2d::plain::conv2d(x, weight, bias, residual, packing, window)
    }

    fn embedding(
        weight: IntTensor<Self>,
        ids: IntTensor<Self>,
        packing: Packing,
    ) -> FloatTensor<Self> {
        embedding::plain::embedding(weight, ids, packing)
    }

    fn group_norm_statistics(x: FloatTensor<Self>) -> FloatTensor<Self> {
        group_norm::plain::statistics(x)
    }

    fn group_norm(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        options: GroupNormOptions,
    ) -> FloatTensor<Self> {
        group_norm::plain::apply(x, statistics, gamma, beta, options)
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        layer_norm::plain::layer_norm(x, gamma, beta, eps)
    }

    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        heads: usize,
        causal: bool,
    ) -> FloatTensor<Self> {
        attention::plain::attention(q, k, v, heads, causal)
    }
}

/// The values of a contiguous f32 tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    assert_eq!(tensor.dtype(), DType::F32, "type of a plain kernel's input");
    assert!(
        tensor.is_contiguous(),
        "a plain kernel's input is contiguous"
    );
    let start = tensor.layout().start_offset();
    &tensor.storage::<f32>()[start..start + tensor.layout().num_elements()]
}

/// A new tensor.
pub(super) fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// The matrix as f32, `[rows, columns]`. Free for matrices that are f32 already.
pub(super) fn decoded(weight: FlexTensor, packing: Packing) -> FlexTensor {
    let shape = [packing.rows, packing.columns];
    match packing.encoding {
        Encoding::F32 => FlexTensor::from_arc(
            weight.data_arc(),
            burn_flex::Layout::contiguous(Shape::new(shape)),
            DType::F32,
        ),
        encoding => {
            // Without the padding to a whole word.
            let length = encoding.byte_len(&shape).unwrap_or_default() as usize;
            tensor(
                quantize::decode(&weight.bytes()[..length], &shape, encoding),
                Shape::new(shape),
            )
        }
    }
}

/// `x · weightᵀ` for `x` of the shape `[rows, in]`.
pub(super) fn matmul_transposed(x: FlexTensor, weight: FlexTensor, packing: Packing) -> FlexTensor {
    Flex::float_matmul(x, decoded(weight, packing).transpose(0, 1)).to_contiguous()
}

/// `y` with a row of `bias` added to each of as many runs of its rows, and `residual`.
pub(super) fn plus(
    mut y: FlexTensor,
    bias: &FlexTensor,
    residual: Option<FlexTensor>,
) -> FlexTensor {
    let runs = bias.layout().shape()[0];
    let run = y.layout().num_elements() / runs;
    let biases = values(bias).chunks(values(bias).len() / runs);
    for (rows, bias) in y.storage_mut::<f32>().chunks_mut(run).zip(biases) {
        for row in rows.chunks_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
        }
    }
    match residual {
        Some(residual) => Flex::float_add(y, residual),
        None => y,
    }
}
