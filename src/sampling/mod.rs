//! Sampling in the space of sigmas, as in Karras et al. (arXiv 2206.00364): a schedule gives sigmas, a sampler walks them,
//! a denoiser alone knows how the network is parametrised.

mod denoiser;
mod euler;
mod guidance;
mod schedule;

pub use denoiser::{Denoiser, EpsilonDenoiser};
pub use euler::euler;
pub use guidance::guide;
pub use schedule::{Schedule, SchedulerConfig};
