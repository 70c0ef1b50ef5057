//! Work that a device was given and nobody has waited for, kept short enough that nobody notices it: a browser ends the GPU
//! process over one submission of many seconds, a page waits behind all that is queued, and so does a cancellation.
//!
//! How long work takes is known from [`Tuning::speed`](super::Tuning); where that was not measured, nothing is kept short.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::backend::DispatchDevice;
use burn::tensor::{Device, Tensor};
use cubecl::prelude::Client;

use super::tuning;
use crate::{Error, Result};

/// Seconds of one dispatch, and of the dispatches of one submission.
const SUBMISSION: f64 = 0.25;
/// Seconds of all that is queued.
const QUEUE: f64 = 0.5;

/// Multiply-adds since the last submission, and since the device was last idle.
static UNSUBMITTED: AtomicU64 = AtomicU64::new(0);
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

/// How many dispatches a launch is worth.
pub(super) fn parts(multiply_adds: u64) -> usize {
    (seconds(multiply_adds) / SUBMISSION).ceil().max(1.0) as usize
}

/// To be called before a dispatch: submits those before it if they are enough together with it.
pub(super) fn order(client: &Client, multiply_adds: u64) {
    UNFINISHED.fetch_add(multiply_adds, Ordering::Relaxed);
    let unsubmitted = UNSUBMITTED.fetch_add(multiply_adds, Ordering::Relaxed) + multiply_adds;
    if seconds(unsubmitted) > SUBMISSION {
        UNSUBMITTED.store(multiply_adds, Ordering::Relaxed);
        // A device that is lost says so to whoever reads from it.
        let _ = client.flush();
    }
}

/// Lets a tensor's device, if it is slow, catch up with what it was given. To be called between the parts of a network, which
/// thereby become places where it can be stopped.
pub async fn breathe<const D: usize>(tensor: &Tensor<D>) -> Result<()> {
    match seconds(UNFINISHED.load(Ordering::Relaxed)) < QUEUE {
        true => Ok(()),
        false => settle(&tensor.device()).await,
    }
}

/// Waits until a device has done all it was given.
pub async fn settle(device: &Device) -> Result<()> {
    match device.as_dispatch() {
        DispatchDevice::Cube(cube) => {
            let done = cube.client().sync().await;
            done.map_err(|error| Error::Device {
                problem: error.to_string(),
            })?;
        }
        // The CPU does everything at once.
        #[cfg(not(target_arch = "wasm32"))]
        _ => {}
    }
    UNSUBMITTED.store(0, Ordering::Relaxed);
    UNFINISHED.store(0, Ordering::Relaxed);
    Ok(())
}

fn seconds(multiply_adds: u64) -> f64 {
    match tuning().speed {
        0.0 => 0.0,
        speed => multiply_adds as f64 / speed,
    }
}
