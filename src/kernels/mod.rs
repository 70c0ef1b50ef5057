//! The operations that SDXL spends its time in, as WGSL kernels of our own, each with a plain twin on the CPU.
//!
//! The twin (`plain` in each file, run on [`burn::tensor::Device::flex`]) is the kernel's specification and its test oracle.
//! Activations are row-major, channels last, in f32 or, on a GPU, in f16 ([`crate::Precision`]), and an output is of its
//! input's type; sums are f32, and so are vectors (biases, gamma, beta), embeddings and statistics. Shapes travel in a
//! uniform, never in the source, so that a kernel is compiled once for each type, and for each way to work that the adapter
//! and a row's length call for ([`Tuning`], `workers.rs`). Workgroups stay within what every WebGPU adapter offers: 256
//! invocations, 16 KiB of workgroup memory.

mod attention;
mod conv2d;
mod embedding;
mod gemm;
mod gpu;
mod group_norm;
pub(crate) mod launch;
mod layer_norm;
mod linear;
mod measure;
#[cfg(not(target_arch = "wasm32"))]
mod plain;
mod prepare;
mod queue;
mod self_test;
mod tuning;
mod weight;
mod workers;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{DType, Int, Tensor};

pub use conv2d::Window;
pub use group_norm::GroupNormOptions;
pub use prepare::{Preparation, Prepared, prepare};
pub use queue::{breathe, settle};
pub use self_test::self_test;
pub use tuning::{Tuning, tune, tuning};
pub use weight::{Packing, Weight};

/// What a backend must provide; the functions of this module are the way to call it.
#[backend_extension(Cube, Flex: cfg(not(target_arch = "wasm32")))]
pub trait Kernels: Backend {
    /// See [`linear`]. `residual` is any tensor where there is none: extensions of Burn take no optional ones.
    fn linear(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        has_residual: bool,
        packing: Packing,
        gated: bool,
    ) -> FloatTensor<Self>;

    /// See [`conv2d`].
    fn conv2d(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        has_residual: bool,
        packing: Packing,
        window: Window,
    ) -> FloatTensor<Self>;

    /// See [`embedding`].
    fn embedding(
        weight: IntTensor<Self>,
        ids: IntTensor<Self>,
        packing: Packing,
    ) -> FloatTensor<Self>;

    /// See [`group_norm_statistics`].
    fn group_norm_statistics(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`group_norm`].
    fn group_norm(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        options: GroupNormOptions,
    ) -> FloatTensor<Self>;

    /// See [`layer_norm`].
    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self>;

    /// See [`attention`].
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        heads: usize,
        causal: bool,
    ) -> FloatTensor<Self>;
}

/// `x · weightᵀ + bias`, plus `residual`. A bias of several rows has one for each of as many equal runs of x's rows, which
/// is how each sample of a batch gets its own.
///
/// # Shapes
/// - x: `[rows, in]`
/// - weight: `[out, in]`, bias: `[runs, out]`
/// - residual, output: `[rows, out]`
pub fn linear(
    x: Tensor<2>,
    weight: &Weight,
    bias: &Tensor<2>,
    residual: Option<Tensor<2>>,
) -> Tensor<2> {
    multiply(x, weight, bias, residual, false)
}

/// GEGLU of [`linear`]'s output, which is never stored: the first half of the features, gated by the GELU of the second
/// [`GEGLU.forward`].
///
/// # Shapes
/// As of [`linear`], but
/// - output: `[rows, out / 2]`
pub fn linear_geglu(
    x: Tensor<2>,
    weight: &Weight,
    bias: &Tensor<2>,
    residual: Option<Tensor<2>>,
) -> Tensor<2> {
    assert_eq!(
        weight.packing.rows % 2,
        0,
        "linear_geglu: rows of the weight"
    );
    multiply(x, weight, bias, residual, true)
}

fn multiply(
    x: Tensor<2>,
    weight: &Weight,
    bias: &Tensor<2>,
    residual: Option<Tensor<2>>,
    gated: bool,
) -> Tensor<2> {
    let [rows, columns] = x.dims();
    assert_eq!(
        columns, weight.packing.columns,
        "linear: width of the input"
    );
    check_added(rows, weight, bias, residual.as_ref().map(Tensor::dims));
    check_types(x.dtype(), bias, residual.as_ref().map(Tensor::dtype));
    let has_residual = residual.is_some();
    let residual = residual.unwrap_or_else(|| x.clone());
    Tensor::from_dispatch(Dispatch::linear(
        x.into_dispatch(),
        weight.words.clone().into_dispatch(),
        bias.clone().into_dispatch(),
        residual.into_dispatch(),
        has_residual,
        weight.packing,
        gated,
    ))
}

/// A convolution over a channels-last picture, see [`Window`], plus `residual`; several rows of a bias are for as many samples.
///
/// # Shapes
/// - x: `[batch, height, width, in]`
/// - weight: `[out, kernel_height, kernel_width, in]`, bias: `[1 or batch, out]`
/// - residual, output: `[batch, out_height, out_width, out]`
pub fn conv2d(
    x: Tensor<4>,
    weight: &Weight,
    bias: &Tensor<2>,
    residual: Option<Tensor<4>>,
    window: Window,
) -> Tensor<4> {
    let [batch, height, width, channels] = x.dims();
    assert_eq!([height, width], window.input, "conv2d: size of the input");
    assert_eq!(
        channels * window.kernel[0] * window.kernel[1],
        weight.packing.columns,
        "conv2d: columns of the weight"
    );
    let rows = batch * window.output[0] * window.output[1];
    let of_residual = residual.as_ref().map(|residual| {
        let [batch, height, width, channels] = residual.dims();
        [batch * height * width, channels]
    });
    check_added(rows, weight, bias, of_residual);
    check_types(x.dtype(), bias, residual.as_ref().map(Tensor::dtype));
    let has_residual = residual.is_some();
    let residual = residual.unwrap_or_else(|| x.clone());
    Tensor::from_dispatch(Dispatch::conv2d(
        x.into_dispatch(),
        weight.words.clone().into_dispatch(),
        bias.clone().into_dispatch(),
        residual.into_dispatch(),
        has_residual,
        weight.packing,
        window,
    ))
}

fn check_added(rows: usize, weight: &Weight, bias: &Tensor<2>, residual: Option<[usize; 2]>) {
    let [runs, width] = bias.dims();
    assert_eq!(width, weight.packing.rows, "width of the bias");
    assert_eq!(rows % runs, 0, "{rows} rows with {runs} rows of bias");
    if let Some(residual) = residual {
        assert_eq!(residual, [rows, width], "shape of the residual");
    }
}

/// A kernel would read other types' bits as its own.
fn check_types(x: DType, bias: &Tensor<2>, residual: Option<DType>) {
    assert_eq!(bias.dtype(), DType::F32, "type of the bias");
    if let Some(residual) = residual {
        assert_eq!(residual, x, "type of the residual");
    }
}

/// Rows of `weight` by number.
///
/// # Shapes
/// - weight: `[rows, width]`
/// - ids: `[count]`, each under `rows`
/// - output: `[count, width]`
pub fn embedding(weight: &Weight, ids: Tensor<1, Int>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::embedding(
        weight.words.clone().into_dispatch(),
        ids.into_dispatch(),
        weight.packing,
    ))
}

/// What [`group_norm`] has to know of a picture: count, mean and sum of squared deviations of each channel, for some of its
/// pixels in each row. Those of a picture in parts are the parts' in any order, joined along the first axis.
///
/// # Shapes
/// - x: `[batch, height, width, channels]`
/// - output: `[rows, batch, 3, channels]`
pub fn group_norm_statistics(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::group_norm_statistics(x.into_dispatch()))
}

/// GroupNorm of a picture, or of a part of one, with SiLU behind it if the options say so.
///
/// # Shapes
/// - x, output: `[batch, height, width, channels]`
/// - statistics: `[rows, batch, 3, channels]`, of the whole picture, see [`group_norm_statistics`]
/// - gamma, beta: `[channels]`
pub fn group_norm(
    x: Tensor<4>,
    statistics: &Tensor<4>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    options: GroupNormOptions,
) -> Tensor<4> {
    let [batch, _, _, channels] = x.dims();
    let [_, of_batch, _, of_channels] = statistics.dims();
    assert_eq!(
        [of_batch, of_channels],
        [batch, channels],
        "group_norm: batch and channels of the statistics"
    );
    assert_eq!(
        channels % options.groups,
        0,
        "group_norm: {channels} channels in {} groups",
        options.groups
    );
    Tensor::from_dispatch(Dispatch::group_norm(
        x.into_dispatch(),
        statistics.clone().into_dispatch(),
        gamma.clone().into_dispatch(),
        beta.clone().into_dispatch(),
        options,
    ))
}

/// LayerNorm over the last axis.
///
/// # Shapes
/// - x, output: `[.., width]`
/// - gamma, beta: `[width]`
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: &Tensor<1>,
    beta: &Tensor<1>,
    eps: f32,
) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::layer_norm(
        x.into_dispatch(),
        gamma.clone().into_dispatch(),
        beta.clone().into_dispatch(),
        eps,
    ))
}

/// `softmax(q · kᵀ / sqrt(width)) · v` in each of `heads` heads of equal width. If it is causal, a query sees the keys up to
/// its own number alone.
///
/// # Shapes
/// - q, output: `[batch, queries, heads * width]`
/// - k, v: `[batch, keys, heads * width]`; if it is causal, there are as many keys as queries
pub fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    heads: usize,
    causal: bool,
) -> Tensor<3> {
    let [batch, queries, channels] = q.dims();
    let [_, keys, _] = k.dims();
    assert_eq!(
        channels % heads,
        0,
        "attention: {channels} channels in {heads} heads"
    );
    assert_eq!(
        [k.dims(), v.dims()],
        [[batch, keys, channels]; 2],
        "attention: keys and values"
    );
    assert!(
        !causal || keys == queries,
        "attention: {keys} keys of {queries} queries, causal"
    );
    Tensor::from_dispatch(Dispatch::attention(
        q.into_dispatch(),
        k.into_dispatch(),
        v.into_dispatch(),
        heads,
        causal,
    ))
}
