//! Running one WGSL kernel on tensors.

use burn::backend::wgpu::{KernelSource, SourceKernel, SourceTemplate};
use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::{CubeCount, CubeDim, KernelId};
use cubecl::server::{KernelArguments, MetadataBindingInfo};

/// The source of a kernel: files that together define `main`.
pub(super) struct Wgsl {
    /// What sets this source apart from every other one.
    pub name: [&'static str; 3],
    /// The files.
    pub parts: Vec<&'static str>,
}

impl KernelSource for Wgsl {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.parts.concat())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(self.name)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Binds `inputs`, a new f32 tensor of `shape`, and `info` as a uniform, in that order; gives the new tensor.
pub(super) fn launch(
    kernel: Wgsl,
    inputs: &[CubeTensor],
    shape: impl Into<Shape>,
    info: &[u32],
    workgroups: [usize; 2],
) -> CubeTensor {
    let first = &inputs[0];
    let (client, shape) = (first.client.clone(), shape.into());
    let handle = client.empty(shape.num_elements() * DType::F32.size());
    let output = CubeTensor::new_contiguous(
        client.clone(),
        first.device.clone(),
        shape,
        handle,
        DType::F32,
    );

    let buffers = inputs
        .iter()
        .chain([&output])
        .map(|tensor| tensor.handle.clone().binding());
    let arguments = KernelArguments::new()
        .with_buffers(buffers.collect())
        .with_info(MetadataBindingInfo::custom(uniform(info)));
    let [x, y] = workgroups.map(|n| n as u32);
    // The size of a workgroup stands in the source; this one is not read for a source kernel.
    let kernel = SourceKernel::new(kernel, CubeDim::new_1d(1));
    client.launch(Box::new(kernel), CubeCount::Static(x, y, 1), arguments);
    output
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
