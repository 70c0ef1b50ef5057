use burn::tensor::{Device, TensorData};

use super::*;
use crate::noise::Generator;

const SHAPE: [usize; 4] = [1, 4, 4, 4];

/// That of SDXL.
pub(super) fn config() -> SchedulerConfig {
    let json = include_str!("../../www/models/sdxl/base/scheduler/scheduler_config.json");
    serde_json::from_str(json).unwrap()
}

fn normal(generator: &mut Generator) -> Tensor<4> {
    let values = generator.normal(SHAPE.iter().product());
    Tensor::from_data(TensorData::new(values, SHAPE), &Device::flex())
}

/// Sees a picture of values 0.5 through whatever noise there is.
struct Clairvoyant(Vec<Step>);

impl Denoiser for Clairvoyant {
    async fn predict_noise(&mut self, scaled: Tensor<4>, timestep: f32) -> Result<Tensor<4>> {
        let mut steps = self.0.iter();
        let step = steps.find(|step| step.timestep as f32 == timestep);
        let sigma = step.unwrap().sigma;
        Ok((scaled * sigma.hypot(1.0) - 0.5) / sigma)
    }
}

/// Walks from noise.
fn run(sampler: Sampler, steps: usize, parts: usize) -> Vec<f32> {
    let options = SamplingOptions {
        sampler,
        timestep_spacing: Some(Spacing::Trailing),
        ..Default::default()
    };
    let schedule = config().schedule(options, steps);
    let mut generator = Generator::new(7);
    let mut x = normal(&mut generator) * schedule.initial_sigma;
    let mut noise = || normal(&mut generator);
    let mut denoiser = Clairvoyant(schedule.steps.clone());
    for part in schedule.steps.chunks(steps.div_ceil(parts)) {
        let walk = sample(sampler, &mut denoiser, &mut noise, x, part);
        x = pollster::block_on(walk).unwrap();
    }
    x.into_data().try_into_vec().unwrap()
}

#[test]
fn every_sampler_finds_a_picture_that_the_network_sees() {
    for sampler in Sampler::ALL {
        for steps in [1, 2, 7, 20] {
            for parts in [1, 2] {
                let picture = run(sampler, steps, parts);
                // DDIM, by SDXL's config, leaves the noise of the first timestep; LCM keeps a trace of x.
                let off = picture.iter().map(|v| (v - 0.5).abs()).fold(0.0, f32::max);
                assert!(off < 0.15, "{sampler:?}, {steps} steps: {off}");
            }
        }
    }
}

#[test]
fn a_seed_gives_the_same_picture_each_time() {
    for sampler in Sampler::ALL {
        assert_eq!(run(sampler, 7, 1), run(sampler, 7, 1), "{sampler:?}");
    }
}
