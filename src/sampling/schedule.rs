//! The noise levels of a run, from `scheduler_config.json` [`EulerDiscreteScheduler`].

use serde::Deserialize;

/// The fields that decide the schedule.
#[derive(Debug, Clone, Deserialize)]
pub struct SchedulerConfig {
    /// Steps that the model was trained on.
    pub num_train_timesteps: usize,
    /// First beta.
    pub beta_start: f64,
    /// Last beta.
    pub beta_end: f64,
    /// How the betas lie between them.
    pub beta_schedule: BetaSchedule,
    /// How the timesteps of a run are chosen.
    #[serde(default)]
    pub timestep_spacing: Spacing,
    /// Added to each timestep where the spacing is leading.
    #[serde(default)]
    pub steps_offset: usize,
    /// What the network predicts.
    #[serde(default)]
    pub prediction_type: Prediction,
}

/// Betas between the first and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// On a line.
    Linear,
    /// Squares of a line between the square roots.
    ScaledLinear,
}

/// The timesteps of a run among those of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Every n-th, from the first.
    Leading,
    /// Every n-th, to the last.
    Trailing,
    /// Evenly from first to last.
    #[default]
    Linspace,
}

/// What the network predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise.
    #[default]
    Epsilon,
}

/// The noise levels of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Timesteps, falling.
    pub timesteps: Vec<f64>,
    /// Sigma at each timestep, and 0 at the end.
    pub sigmas: Vec<f64>,
    /// Standard deviation of the latent that the run starts from.
    pub initial_sigma: f64,
    train_timesteps: usize,
}

impl SchedulerConfig {
    /// Sigma at every timestep of the training. Betas, and what is kept of the picture, are rounded to f32 where torch does:
    /// the difference of 1 and what is kept is small at the first timesteps, and shows it.
    pub fn training_sigmas(&self) -> Vec<f64> {
        let betas = match self.beta_schedule {
            BetaSchedule::Linear => line(
                self.beta_start as f32,
                self.beta_end as f32,
                self.num_train_timesteps,
            ),
            BetaSchedule::ScaledLinear => {
                let roots = (self.beta_start.sqrt() as f32, self.beta_end.sqrt() as f32);
                line(roots.0, roots.1, self.num_train_timesteps)
                    .into_iter()
                    .map(|root| root * root)
                    .collect()
            }
        };
        let mut product = 1.0f64;
        let sigma = |beta: f32| {
            product *= f64::from(1.0 - beta);
            let kept = product as f32;
            f64::from(((1.0 - kept) / kept).sqrt())
        };
        betas.into_iter().map(sigma).collect()
    }

    /// The schedule of a run of `steps` steps.
    pub fn schedule(&self, steps: usize) -> Schedule {
        let train = self.num_train_timesteps;
        let timesteps: Vec<f64> = match self.timestep_spacing {
            Spacing::Leading => {
                let stride = train / steps;
                (0..steps)
                    .rev()
                    .map(|i| (i * stride + self.steps_offset) as f64)
                    .collect()
            }
            Spacing::Trailing => {
                let stride = train as f64 / steps as f64;
                (0..steps)
                    .map(|i| (train as f64 - i as f64 * stride).round_ties_even() - 1.0)
                    .collect()
            }
            Spacing::Linspace => {
                let last = (train - 1) as f64;
                (0..steps)
                    .rev()
                    .map(|i| last * i as f64 / (steps.max(2) - 1) as f64)
                    .collect()
            }
        };
        let table = self.training_sigmas();
        let mut sigmas: Vec<f64> = timesteps.iter().map(|&t| interpolate(&table, t)).collect();
        let largest = sigmas.first().copied().unwrap_or_default();
        sigmas.push(0.0);
        // With leading spacing the run starts below the last timestep, where the data still shows through the noise.
        let initial_sigma = match self.timestep_spacing {
            Spacing::Leading => largest.hypot(1.0),
            Spacing::Trailing | Spacing::Linspace => largest,
        };
        Schedule {
            timesteps,
            sigmas,
            initial_sigma,
            train_timesteps: train,
        }
    }
}

impl Schedule {
    /// How many steps belong to the base when the refiner takes over at this fraction of the noise
    /// [`denoising_end` in `StableDiffusionXLPipeline`].
    pub fn steps_before(&self, fraction: f64) -> usize {
        let train = self.train_timesteps as f64;
        let cutoff = (train - fraction * train).round_ties_even();
        self.timesteps.iter().filter(|&&t| t >= cutoff).count()
    }
}

/// `torch.linspace`, which counts from the nearer end.
fn line(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = (end - start) / (count.max(2) - 1) as f32;
    let at = |i: usize| match i < count / 2 {
        true => start + step * i as f32,
        false => end - step * (count - 1 - i) as f32,
    };
    (0..count).map(at).collect()
}

fn interpolate(table: &[f64], at: f64) -> f64 {
    let last = table.len() - 1;
    let low = (at.floor() as usize).min(last);
    let high = (low + 1).min(last);
    table[low] + (table[high] - table[low]) * (at - low as f64)
}
