//! The GPU, opened once, with what the kernels need of it checked first.

use std::sync::OnceLock;

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use burn::tensor::wgpu::MemoryConfiguration;

use crate::{Error, Result};

/// GPU commands that are submitted together; a barrier between submissions is dear in software WebGPU.
const TASKS: usize = 64;

/// What networks take of a GPU if nobody says otherwise. WebGPU does not tell how much memory there is; SDXL needs no more at
/// its native size.
pub(crate) const DEFAULT_MEMORY: u64 = 4 << 30;

/// What there is room for on a device.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes of one tensor.
    pub tensor: u64,
    /// Bytes of all tensors at a time.
    pub memory: u64,
}

impl Room {
    /// On a CPU.
    pub const UNLIMITED: Self = Self {
        tensor: u64::MAX,
        memory: u64::MAX,
    };

    /// The same for activations alone, beside weights of some bytes. CubeCL's pools hold `pools` times what is alive, because a
    /// free page of any size serves a smaller tensor.
    pub fn beside(self, weights: u64, pools: f64) -> Self {
        let left = self.memory.saturating_sub(weights);
        Self {
            memory: (left as f64 / pools) as u64,
            ..self
        }
    }
}

/// An open GPU.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// For tensors.
    pub device: Device,
    /// Its name, for people; browsers may leave it empty.
    pub adapter: String,
    /// By its limits.
    pub room: Room,
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
    let tensor = limits
        .max_storage_buffer_binding_size
        .min(limits.max_buffer_size);
    let features = setup.device.features() & wgpu::Features::all_webgpu_mask();
    let names = features.iter_names();
    Ok(Gpu {
        device,
        adapter: setup.adapter.get_info().name,
        room: Room {
            tensor,
            memory: DEFAULT_MEMORY,
        },
        features: names
            .map(|(name, _)| name.to_lowercase().replace('_', "-"))
            .collect(),
    })
}

/// Destroys the buffers that CubeCL has let go of, where dropping them is not enough.
static DESTROY_DROPPED: OnceLock<fn()> = OnceLock::new();

/// Has `destroy` called whenever CubeCL has let go of buffers. wgpu's web buffers are not destroyed when they are dropped, and
/// the browser's garbage collector does not know how much GPU memory they hold.
pub fn on_reclaim(destroy: fn()) {
    // Whoever came first does the same.
    let _ = DESTROY_DROPPED.set(destroy);
}

/// Gives the memory back that no tensor uses any more.
pub(crate) fn reclaim(device: &Device) {
    // Work that was recorded but not submitted may still name buffers; after a submission they may be destroyed.
    // Neither call can be answered by anything better than going on: the memory is being given up.
    let _ = device.flush();
    device.memory_cleanup();
    if let Some(destroy) = DESTROY_DROPPED.get() {
        destroy();
    }
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
