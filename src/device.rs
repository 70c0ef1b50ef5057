//! The GPU, opened once, with what the kernels need of it checked first.

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use burn::tensor::wgpu::MemoryConfiguration;

use crate::{Error, Result};

/// GPU commands that are submitted together; a barrier between submissions is dear in software WebGPU.
const TASKS: usize = 64;

/// An open GPU.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// For tensors.
    pub device: Device,
    /// Its name, for people; browsers may leave it empty.
    pub adapter: String,
    /// Bytes that one tensor may have.
    pub largest_tensor: u64,
    /// WebGPU's names of what it offers beyond the baseline.
    pub features: Vec<String>,
}

/// Opens the default adapter.
///
/// Each tensor has a buffer of its own, natively as in the browser: the kernels bind what they read as read-only, and
/// wgpu refuses a dispatch that binds parts of one buffer both read-only and writable.
pub async fn open() -> Result<Gpu> {
    let options = Device::wgpu_options()
        .memory_config(MemoryConfiguration::ExclusivePages)
        .tasks_max(TASKS);
    #[cfg(target_arch = "wasm32")]
    let options = options.graphics_api(burn::tensor::wgpu::WgpuBackend::WebGpu);
    let (device, setup) =
        options
            .init_with_setup_async()
            .await
            .map_err(|error| Error::NoAdapter {
                problem: error.to_string(),
            })?;
    let limits = setup.device.limits();
    check(&limits)?;
    let largest_tensor = limits
        .max_storage_buffer_binding_size
        .min(limits.max_buffer_size);
    let features = setup.device.features() & wgpu::Features::all_webgpu_mask();
    let names = features.iter_names();
    Ok(Gpu {
        device,
        adapter: setup.adapter.get_info().name,
        largest_tensor,
        features: names
            .map(|(name, _)| name.to_lowercase().replace('_', "-"))
            .collect(),
    })
}

/// Whether it is not a GPU.
pub(crate) fn is_cpu(device: &Device) -> bool {
    !matches!(device.as_dispatch(), DispatchDevice::Cube(_))
}

/// What the kernels of this crate use; every adapter that follows the WebGPU specification has it.
fn check(limits: &wgpu::Limits) -> Result<()> {
    let needed: [(&'static str, u64, u64); 3] = [
        (
            "maxComputeInvocationsPerWorkgroup",
            256,
            limits.max_compute_invocations_per_workgroup.into(),
        ),
        (
            "maxComputeWorkgroupStorageSize",
            16384,
            limits.max_compute_workgroup_storage_size.into(),
        ),
        (
            "maxStorageBuffersPerShaderStage",
            5,
            limits.max_storage_buffers_per_shader_stage.into(),
        ),
    ];
    match needed
        .into_iter()
        .find(|(_, needed, available)| available < needed)
    {
        Some((limit, needed, available)) => Err(Error::LimitTooSmall {
            limit,
            needed,
            available,
        }),
        None => Ok(()),
    }
}
