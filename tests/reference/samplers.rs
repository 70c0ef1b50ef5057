use burn::tensor::Tensor;
use sdxl_web::Result;
use sdxl_web::sampling::{
    Denoiser, NoiseSchedule, Sampler, SamplingOptions, Schedule, SchedulerConfig, Step, sample,
};
use serde::Deserialize;

use super::check::{Check, STEP, STEPS, TIMESTEP, channels_first, channels_last};
use super::dump::{Dump, Reference};

#[derive(Deserialize)]
#[serde(untagged)]
enum Case {
    /// A run, and tables for other numbers of steps, under names that end in `_STEPS`.
    Run(Scheduler),
    /// A number of steps that the scheduler of the run cannot take.
    Refused { name: String, error: String },
    /// Noise on a latent at a timestep of the run that the name ends in.
    AddNoise { name: String, timestep: f64 },
}

#[derive(Deserialize)]
struct Scheduler {
    name: String,
    steps: usize,
    /// Its class.
    scheduler: String,
    init_noise_sigma: f32,
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(flatten)]
    scheduler: SchedulerConfig,
    #[serde(default)]
    algorithm_type: String,
    use_karras_sigmas: Option<bool>,
    use_exponential_sigmas: Option<bool>,
}

/// Every scheduler has the tables of diffusers and walks through its latents.
pub async fn run(check: &mut Check<'_>) {
    let dump = check.dump("schedulers");
    let cases = dump.cases::<Case>();
    let runs = cases.iter().filter_map(|case| match case {
        Case::Run(run) => Some(run),
        _ => None,
    });
    let named = |name: &str| runs.clone().find(|run| run.name == name).unwrap();
    for case in &cases {
        match case {
            Case::Run(run) => {
                run.compare_tables(check, &dump);
                run.compare_steps(check, &dump).await;
                run.compare_whole(check, &dump).await;
            }
            Case::Refused { name, error } => {
                let (run, steps) = name.rsplit_once('_').unwrap();
                let run = named(run);
                let steps = steps.parse().unwrap();
                let refused = run.config.scheduler.fault(run.options(), steps).is_some();
                check.equal(name, &format!("refused: {error}"), &refused, &true);
            }
            Case::AddNoise { name, timestep } => {
                let run = named(name.trim_start_matches("add_noise_"));
                let schedule = run.schedule(run.steps);
                let at = |step: &&Step| step.timestep == *timestep;
                let sigma = schedule.steps.iter().find(at).unwrap().sigma;
                let tensor = |name: &str| dump.get(name).tensor::<4>(&check.device());
                let noisy = tensor(&format!("{name}.sample")) + tensor("start_noise") * sigma;
                let expected = dump.get(&format!("{name}.noisy"));
                check.tensor(name, "noisy", noisy, &expected, STEP).await;
            }
        }
    }
    let kept = dump.get("alphas_cumprod").values;
    let table = kept_of(&named("euler").config.scheduler);
    check.table("euler", "alphas_cumprod", &table, &kept);
}

/// How the case called `name` is run.
pub fn options(check: &mut Check<'_>, name: &str) -> SamplingOptions {
    let case = check.dump("schedulers").case(name);
    let run: Scheduler = serde_json::from_value(case).unwrap();
    let options = run.options();
    let spacing = run.config.scheduler.timestep_spacing;
    SamplingOptions {
        timestep_spacing: spacing.filter(|_| options.sampler != Sampler::Lcm),
        ..options
    }
}

/// What is kept of the picture's variance at every timestep of the training.
fn kept_of(config: &SchedulerConfig) -> Vec<f64> {
    let sigmas = config.training_sigmas().into_iter();
    sigmas.map(|sigma| 1.0 / (1.0 + sigma * sigma)).collect()
}

impl Scheduler {
    fn options(&self) -> SamplingOptions {
        let Config {
            use_karras_sigmas,
            use_exponential_sigmas,
            ..
        } = self.config;
        let sampler = match (&*self.scheduler, &*self.config.algorithm_type) {
            ("EulerDiscreteScheduler", _) => Sampler::Euler,
            ("EulerAncestralDiscreteScheduler", _) => Sampler::EulerAncestral,
            ("DPMSolverMultistepScheduler", "dpmsolver++") => Sampler::Dpmpp2m,
            ("DPMSolverMultistepScheduler", "sde-dpmsolver++") => Sampler::Dpmpp2mSde,
            ("DDIMScheduler", _) => Sampler::Ddim,
            ("UniPCMultistepScheduler", _) => Sampler::UniPc,
            ("LCMScheduler", _) => Sampler::Lcm,
            other => panic!("{}: no sampler for {other:?}", self.name),
        };
        let noise_schedule = match (use_karras_sigmas, use_exponential_sigmas) {
            (Some(true), _) => NoiseSchedule::Karras,
            (_, Some(true)) => NoiseSchedule::Exponential,
            _ => NoiseSchedule::Default,
        };
        SamplingOptions {
            sampler,
            noise_schedule,
            timestep_spacing: None,
        }
    }

    fn schedule(&self, steps: usize) -> Schedule {
        self.config.scheduler.schedule(self.options(), steps)
    }

    /// What diffusers' latent is to be multiplied by, where it holds noise of a deviation, to be the engine's.
    fn scale(&self, sigma: f64) -> f64 {
        match self.options().sampler {
            Sampler::Euler | Sampler::EulerAncestral => 1.0,
            _ => sigma.hypot(1.0),
        }
    }

    fn compare_tables(&self, check: &mut Check<'_>, dump: &Dump) {
        let name = &self.name;
        let schedule = self.schedule(self.steps);
        let initial = schedule.initial_sigma / self.scale(schedule.steps[0].sigma);
        check.table(
            name,
            "init_noise_sigma",
            &[initial],
            &[self.init_noise_sigma],
        );
        let kept = format!("{name}.alphas_cumprod");
        if dump.has(&kept) {
            let table = kept_of(&self.config.scheduler);
            check.table(name, "alphas_cumprod", &table, &dump.get(&kept).values);
        }
        compare_schedule(check, dump, name, name, &schedule);
        for table in dump.names() {
            let steps = table
                .strip_prefix(&format!("{name}_"))
                .and_then(|rest| rest.strip_suffix(".timesteps"))
                .and_then(|steps| steps.parse().ok());
            if let Some(steps) = steps {
                let schedule = self.schedule(steps);
                let of = format!("{name}_{steps}");
                compare_schedule(check, dump, name, &of, &schedule);
            }
        }
    }

    /// Each step alone, from diffusers' latent and with what its sampler remembers.
    async fn compare_steps(&self, check: &mut Check<'_>, dump: &Dump) {
        let name = &self.name;
        let (after, epsilons) = self.walk(check, dump, true).await;
        let latents = stacked(dump, &format!("{name}.latents"));
        let expected = stacked(dump, &format!("{name}.eps"));
        check.equal(name, "steps", &after.len(), &(latents.len() - 1));
        for (step, (x, epsilon)) in after.into_iter().zip(epsilons).enumerate() {
            let tensor = format!("eps.{step}");
            check
                .tensor(name, &tensor, epsilon, &expected[step], STEP)
                .await;
            let (tensor, expected) = (format!("step {step}"), &latents[step + 1]);
            check.tensor(name, &tensor, x, expected, STEP).await;
        }
    }

    /// All steps, from the noise.
    async fn compare_whole(&self, check: &mut Check<'_>, dump: &Dump) {
        let name = &self.name;
        let (after, _) = self.walk(check, dump, false).await;
        let latents = stacked(dump, &format!("{name}.latents"));
        let (end, expected) = (after.last().unwrap().clone(), latents.last().unwrap());
        check.tensor(name, "all steps", end, expected, STEPS).await;
    }

    /// The latents after every step and the noise that was predicted before it, as diffusers has them; `led` back to
    /// diffusers' latents after each step or not.
    async fn walk(
        &self,
        check: &Check<'_>,
        dump: &Dump,
        led: bool,
    ) -> (Vec<Tensor<4>>, Vec<Tensor<4>>) {
        let device = check.device();
        let tensor = |name: &str| channels_last(dump.get(name).tensor(&device));
        let schedule = self.schedule(self.steps);
        let bias = tensor("bias") * 0.05;
        let mut epsilons = Vec::new();
        let closed_form = async |x: Tensor<4>, timestep: f32| {
            let slope = 0.7 + 0.2 * f64::from(timestep) / 1000.0;
            let epsilon = x.clone() * slope + (x * 2.0).tanh() * 0.1 + bias.clone();
            epsilons.push(channels_first(epsilon.clone()));
            Ok(epsilon)
        };
        let latents = stacked(dump, &format!("{}.latents", self.name));
        let latents = latents
            .iter()
            .map(|latent| channels_last(latent.tensor(&device)));
        let mut walk = Walk {
            network: closed_form,
            scale: |sigma| self.scale(sigma),
            latents: latents.skip(1).collect(),
            led,
            after: Vec::new(),
        };
        let mut draws = 0;
        let mut noise = || {
            draws += 1;
            tensor(&format!("{}.noise.{}", self.name, draws - 1))
        };
        let start = tensor("start_noise") * schedule.initial_sigma;
        let sampler = self.options().sampler;
        let walked = sample(sampler, &mut walk, &mut noise, start, &schedule.steps).await;
        walked.unwrap();
        (walk.after, epsilons)
    }
}

/// Tensors that lie one behind the other in one.
fn stacked(dump: &Dump, name: &str) -> Vec<Reference> {
    let mut parts = dump.get(name).parts();
    for part in &mut parts {
        part.shape.remove(0);
    }
    parts
}

/// The tables called `of`, as a part of the case `name`.
fn compare_schedule(check: &mut Check<'_>, dump: &Dump, name: &str, of: &str, schedule: &Schedule) {
    let timesteps: Vec<f64> = schedule.steps.iter().map(|step| step.timestep).collect();
    let table = format!("{of}.timesteps");
    let expected = dump.get(&table).values;
    match expected.iter().all(|timestep| timestep.fract() == 0.0) {
        true => check.table(name, &table, &timesteps, &expected),
        false => {
            let timesteps: Vec<f32> = timesteps.iter().map(|&t| t as f32).collect();
            check.values(name, &table, &timesteps, &expected, TIMESTEP);
        }
    }
    let table = format!("{of}.sigmas");
    if dump.has(&table) {
        let sigmas = schedule.steps.iter().map(|step| step.sigma);
        let end = schedule.steps.last().map(|step| step.next);
        let sigmas: Vec<f64> = sigmas.chain(end).collect();
        check.table(name, &table, &sigmas, &dump.get(&table).values);
    }
}

/// Sees the latents of a walk.
struct Walk<F, S> {
    network: F,
    /// Diffusers' latents to the engine's, by sigma.
    scale: S,
    /// Those of diffusers after every step.
    latents: Vec<Tensor<4>>,
    /// Whether the walk goes on with them.
    led: bool,
    /// Those of the engine, as diffusers would have them.
    after: Vec<Tensor<4>>,
}

impl<F, S> Denoiser for Walk<F, S>
where
    F: AsyncFnMut(Tensor<4>, f32) -> Result<Tensor<4>>,
    S: Fn(f64) -> f64,
{
    async fn predict_noise(&mut self, scaled: Tensor<4>, timestep: f32) -> Result<Tensor<4>> {
        (self.network)(scaled, timestep).await
    }

    async fn stepped(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>> {
        let scale = (self.scale)(step.next);
        let known = self.latents[self.after.len()].clone() * scale;
        self.after.push(channels_first(x.clone() / scale));
        Ok(if self.led { known } else { x })
    }
}
