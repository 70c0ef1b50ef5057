//! What a run tells about itself while it goes on.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use burn::tensor::Tensor;
use serde::Serialize;

use super::Latents;
use crate::weights::ComponentName;
use crate::{Error, Image, Result};

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Kernels made ready, before the first picture.
    Compile {
        /// How many are.
        done: usize,
        /// Of how many.
        all: usize,
    },
    /// Weights on their way to the device.
    Load {
        /// Whose.
        component: ComponentName,
        /// Encoded bytes that are there.
        bytes: u64,
        /// Encoded bytes in all.
        total: u64,
    },
    /// A part of the run begins.
    Stage {
        /// Which.
        stage: Stage,
    },
    /// A denoising step is done.
    Step {
        /// Whose.
        stage: Stage,
        /// How many are done.
        step: usize,
        /// Of how many in this stage.
        steps: usize,
    },
}

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Text encoders.
    Text,
    /// VAE encoder.
    Encode,
    /// Base UNet.
    Base,
    /// Refiner UNet.
    Refiner,
    /// VAE decoder.
    Decode,
}

/// Whoever watches a run, and may end it.
pub trait Observer {
    /// Called as things happen.
    fn event(&mut self, event: Event);

    /// Shown the latent after each step: a picture under noise of deviation `sigma`.
    ///
    /// # Shapes
    /// - latent: `[images, height / scale, width / scale, latent]`
    fn latent(&mut self, latent: &Tensor<4>, sigma: f64) {
        let _ = (latent, sigma);
    }

    /// Whether [`Self::preview`] is to be called, for which the latent has to be read back after each step.
    fn wants_previews(&self) -> bool {
        false
    }

    /// Shown after each step what the pictures are going to be, roughly, at the latent's size.
    fn preview(&mut self, images: &[Image]) {
        let _ = images;
    }

    /// Given the latents of the finished pictures before they are decoded, so that trouble with that costs no run
    /// ([`super::Pipeline::decode_again`]).
    fn denoised(&mut self, latents: &Latents) {
        let _ = latents;
    }

    /// Whether [`Self::denoised`] is to be called, for which the latents have to be read back.
    fn keeps_latents(&self) -> bool {
        false
    }

    /// Asked whenever the device is waited for, and between tensors; yes ends the run with [`Error::Cancelled`].
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing.
impl Observer for () {
    fn event(&mut self, _: Event) {}
}

/// `work` to its end, or to the first point at which it waits for the device once the observer wants it cancelled.
pub(super) async fn unless_cancelled<T>(
    observer: &dyn Observer,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(|context| match observer.is_cancelled() {
        true => Poll::Ready(Err(Error::Cancelled)),
        false => work.as_mut().poll(context),
    })
    .await
}

pub(crate) fn check_cancelled(observer: &dyn Observer) -> Result<()> {
    if observer.is_cancelled() {
        Err(Error::Cancelled)
    } else {
        Ok(())
    }
}
