use burn::tensor::{Device, Tensor};
use sdxl_web::sampling::{EpsilonDenoiser, Schedule, SchedulerConfig, euler};
use serde::Deserialize;

use crate::compare::{STEP, STEPS, TIMESTEP, channels_first, channels_last, compare};
use crate::compare::{compare_table, compare_values};
use crate::fixture::{Reference, Tensors, cases};

const FIXTURE: &str = "schedulers";

#[derive(Deserialize)]
struct Case {
    name: String,
    config: SchedulerConfig,
    init_noise_sigma: f32,
    /// Of the run with latents.
    steps: usize,
    /// Other numbers of steps, with tables only.
    table_steps: Vec<usize>,
}

#[test]
fn timesteps_and_sigmas_are_those_of_diffusers() {
    let reference = Tensors::open(FIXTURE);
    for case in cases::<Case>(FIXTURE) {
        let schedule = case.config.schedule(case.steps);
        compare_schedule(&case.name, &schedule, &reference);
        let (actual, expected) = ([schedule.initial_sigma], [case.init_noise_sigma]);
        compare_table(&case.name, "init_noise_sigma", &actual, &expected);
        for steps in &case.table_steps {
            let name = format!("{}_{steps}", case.name);
            compare_schedule(&name, &case.config.schedule(*steps), &reference);
        }
    }
}

fn compare_schedule(name: &str, schedule: &Schedule, reference: &Tensors) {
    let expected = |table: &str| reference.get(name, table).values;
    let timesteps = &schedule.timesteps;
    compare_table(name, "timesteps", timesteps, &expected("timesteps"));
    compare_table(name, "sigmas", &schedule.sigmas, &expected("sigmas"));
}

#[test]
fn euler_walks_through_the_latents_of_diffusers() {
    let (reference, device) = (Tensors::open(FIXTURE), Device::flex());
    let bias = channels_last(reference.get("model", "bias").tensor(&device));
    for case in cases::<Case>(FIXTURE) {
        let name = &case.name;
        let latents = latents(&reference, name);
        let latent = |step: usize| channels_last(latents[step].tensor(&device));
        let sigmas = case.config.schedule(case.steps).sigmas;
        for step in 0..case.steps {
            let (end, _) = walk(&case, latent(step), &sigmas[step..step + 2], &bias);
            let (end, expected) = (channels_first(end), &latents[step + 1]);
            compare(name, &format!("step {step}"), end, expected, STEP);
        }
        let (end, timesteps) = walk(&case, latent(0), &sigmas, &bias);
        let (end, expected) = (channels_first(end), &latents[case.steps]);
        compare(name, "all steps", end, expected, STEPS);
        let expected = reference.get(name, "timesteps").values;
        compare_values(name, "model's timesteps", &timesteps, &expected, TIMESTEP);
    }
}

/// The latents before each step and after the last.
fn latents(reference: &Tensors, case: &str) -> Vec<Reference> {
    let all = reference.get(case, "latents");
    let shape = &all.shape[1..];
    let parts = all.values.chunks(shape.iter().product());
    parts
        .map(|values| Reference {
            shape: shape.to_vec(),
            values: values.to_vec(),
        })
        .collect()
}

/// Euler's method with a closed form in place of a network; where it ends, and the timesteps that the form was given.
fn walk(case: &Case, x: Tensor<4>, sigmas: &[f64], bias: &Tensor<4>) -> (Tensor<4>, Vec<f32>) {
    let mut timesteps = Vec::new();
    let closed_form = async |x: Tensor<4>, timestep: f32| {
        timesteps.push(timestep);
        let slope = 0.7 + 0.2 * f64::from(timestep) / 1000.0;
        Ok(x.clone() * slope + (x * 2.0).tanh() * 0.1 + bias.clone() * 0.05)
    };
    let mut denoiser = EpsilonDenoiser::new(case.config.training_sigmas(), closed_form);
    let end = pollster::block_on(euler(&mut denoiser, x, sigmas)).unwrap();
    (end, timesteps)
}
