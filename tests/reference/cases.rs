//! The engine's numbers against those of diffusers, on tiny models with random weights, on any device.
//!
//! One file for each kind of dump. They know the models and the dumps through [`Set`] alone, so the same code runs on the
//! CPU, on native wgpu (tests/reference/main.rs) and in a browser (tests/web.rs).

#![allow(
    dead_code,
    reason = "the program that compares is being rebuilt; the last step removes this"
)]

pub mod check;
pub mod dump;
pub mod set;

mod conditions;
mod lora;
mod noise;
mod pipelines;
mod prompt_weights;
mod samplers;
mod text_encoders;
mod tokens;
mod transformer;
mod unets;
mod vae;

use check::Check;

/// The kinds of cases, by the name of their dump.
pub const GROUPS: [&str; 12] = [
    "tokens",
    "rng",
    "text_encoders",
    "prompt_weights",
    "added_conditions",
    "unet_base",
    "unet_refiner",
    "transformer_head64",
    "vae",
    "schedulers",
    "pipelines",
    "lora_outputs",
];

/// Runs the cases of one kind; `group` is one of [`GROUPS`].
pub async fn run(group: &str, check: &mut Check<'_>) {
    match group {
        "tokens" => tokens::run(check).await,
        "rng" => noise::run(check),
        "text_encoders" => text_encoders::run(check).await,
        "prompt_weights" => prompt_weights::run(check).await,
        "added_conditions" => conditions::run(check).await,
        "unet_base" | "unet_refiner" => unets::run(check, group).await,
        "transformer_head64" => transformer::run(check).await,
        "vae" => vae::run(check).await,
        "schedulers" => samplers::run(check).await,
        "pipelines" => pipelines::run(check).await,
        "lora_outputs" => lora::run(check).await,
        other => panic!("there is no group of cases `{other}`"),
    }
}
