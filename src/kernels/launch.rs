//! Running one WGSL kernel on tensors.

use burn::backend::wgpu::{KernelSource, SourceKernel, SourceTemplate};
use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::{CubeCount, CubeDim, KernelId};
use cubecl::server::{KernelArguments, MetadataBindingInfo};

use super::queue;

/// The source of a kernel: files that together define `main`.
#[derive(Clone)]
pub(crate) struct Wgsl {
    /// What sets this source apart from every other one.
    pub name: Vec<&'static str>,
    /// The files.
    pub parts: Vec<&'static str>,
    /// Type of the activations, which the files call `Value`.
    pub value: DType,
}

impl KernelSource for Wgsl {
    fn source(&self) -> SourceTemplate {
        let value = match self.value {
            DType::F32 => "alias Value = f32;\n",
            DType::F16 => "enable f16;\nalias Value = f16;\n",
            other => panic!(
                "{}: there is no kernel for activations in {other:?}",
                self.name[0]
            ),
        };
        SourceTemplate::new([value, &self.parts.concat()].concat())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.name.clone(), self.value))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Most workgroups along one axis of a dispatch, in WebGPU.
pub(super) const MAX_GROUPS: usize = 65_535;

/// Workgroups for one each of `count` rows, folded where an axis is too short; the last may have nothing to do.
pub(super) fn one_each(count: usize) -> [usize; 2] {
    let folds = count.div_ceil(MAX_GROUPS).max(1);
    [count.div_ceil(folds), folds]
}

/// Binds `inputs`, a new tensor of the type and shape of `output`, and `info` as a uniform, in that order; gives the new
/// tensor.
pub(crate) fn launch(
    kernel: Wgsl,
    inputs: &[CubeTensor],
    output: (DType, impl Into<Shape>),
    info: &[u32],
    workgroups: [usize; 2],
) -> CubeTensor {
    let output = empty(&inputs[0], output);
    dispatch(kernel, inputs, &output, info, workgroups);
    output
}

/// As [`launch`], for work that may take long on a slow device, and is then ordered in several dispatches, each of some of
/// the workgroups along x. The number of the first of them is put before `info`.
pub(super) fn launch_in_parts(
    kernel: Wgsl,
    inputs: &[CubeTensor],
    output: (DType, impl Into<Shape>),
    info: &[u32],
    [x, y]: [usize; 2],
    multiply_adds: u64,
) -> CubeTensor {
    let output = empty(&inputs[0], output);
    let parts = queue::parts(multiply_adds).min(x);
    let bounds = (0..=parts).map(|part| part * x / parts);
    for (first, end) in bounds.clone().zip(bounds.skip(1)) {
        let info = [&[first as u32], info].concat();
        queue::order(&output.client, multiply_adds / parts as u64);
        dispatch(kernel.clone(), inputs, &output, &info, [end - first, y]);
    }
    output
}

fn empty(like: &CubeTensor, (dtype, shape): (DType, impl Into<Shape>)) -> CubeTensor {
    let (client, shape) = (like.client.clone(), shape.into());
    let handle = client.empty(shape.num_elements() * dtype.size());
    CubeTensor::new_contiguous(client, like.device.clone(), shape, handle, dtype)
}

fn dispatch(
    kernel: Wgsl,
    inputs: &[CubeTensor],
    output: &CubeTensor,
    info: &[u32],
    workgroups: [usize; 2],
) {
    let buffers = inputs
        .iter()
        .chain([output])
        .map(|tensor| tensor.handle.clone().binding());
    let arguments = KernelArguments::new()
        .with_buffers(buffers.collect())
        .with_info(MetadataBindingInfo::custom(uniform(info)));
    let [x, y] = workgroups.map(|n| n as u32);
    // The size of a workgroup stands in the source; this one is not read for a source kernel.
    let kernel = SourceKernel::new(kernel, CubeDim::new_1d(1));
    let count = CubeCount::Static(x, y, 1);
    output.client.launch(Box::new(kernel), count, arguments);
}

/// Pairs of words, low one first, padded to the 16 bytes that a uniform's size must be a multiple of.
fn uniform(info: &[u32]) -> Vec<u64> {
    let mut words = info.to_vec();
    words.resize(words.len().next_multiple_of(4), 0);
    words
        .chunks(2)
        .map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32)
        .collect()
}
