use serde::Deserialize;

use super::{NoiseSchedule, Sampler, SamplingOptions, Spacing};

/// The fields of `scheduler_config.json` that decide the schedule. It is read for every sampler, as diffusers makes one
/// scheduler from another's config [`from_config`]: an absent field has the default of the sampler's class.
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
    /// How the timesteps of a run are chosen, where its options do not say.
    pub timestep_spacing: Option<Spacing>,
    /// Added to each timestep where the spacing is leading.
    #[serde(default)]
    pub steps_offset: usize,
    /// Whether DDIM's last step goes to sigma 0, not to that of the first timestep.
    #[serde(default = "yes")]
    pub set_alpha_to_one: bool,
    /// Timesteps that LCM chooses from.
    #[serde(default = "lcm_steps")]
    pub original_inference_steps: usize,
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

/// What the network predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise.
    #[default]
    Epsilon,
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

    /// The option that a run cannot have, as a request spells it, and why.
    pub fn fault(&self, options: SamplingOptions, steps: usize) -> Option<(&'static str, String)> {
        let SamplingOptions {
            sampler,
            noise_schedule,
            timestep_spacing,
        } = options;
        let most = self.most_steps(sampler);
        if steps > most {
            let problem = format!("{steps} is more than the {most} that this sampler can take");
            return Some(("steps", problem));
        }
        if noise_schedule != NoiseSchedule::Default && !sampler.has_noise_schedules() {
            let problem = "this sampler has only the default".into();
            return Some(("noiseSchedule", problem));
        }
        if timestep_spacing.is_some() && sampler == Sampler::Lcm {
            let problem = "this sampler has its own; leave it out".into();
            return Some(("timestepSpacing", problem));
        }
        None
    }

    /// Most steps of a run, each with a timestep of its own; an offset may push the first past the training's last.
    fn most_steps(&self, sampler: Sampler) -> usize {
        match sampler {
            // More timesteps to choose from than there are in the training: diffusers refuses them too.
            Sampler::Lcm if self.original_inference_steps > self.num_train_timesteps => 0,
            Sampler::Lcm => self.original_inference_steps,
            _ if sampler.is_multistep() => self.num_train_timesteps.saturating_sub(2),
            _ => self.num_train_timesteps,
        }
    }
}

fn yes() -> bool {
    true
}

fn lcm_steps() -> usize {
    50
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

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::super::tests::config;
    use super::*;

    #[test]
    fn options_without_effect_and_steps_without_timesteps_are_faults() {
        let config = config();
        let field = |options, steps| config.fault(options, steps).map(|(field, _)| field);
        let of = |sampler| SamplingOptions {
            sampler,
            ..Default::default()
        };
        for sampler in Sampler::ALL {
            let most = config.most_steps(sampler);
            assert_eq!(field(of(sampler), most), None);
            assert_eq!(field(of(sampler), most + 1), Some("steps"));
            let steps = config.schedule(of(sampler), most).steps;
            assert_eq!(steps.len(), most);
            assert!(
                steps.windows(2).all(|w| w[0].timestep > w[1].timestep),
                "{sampler:?} takes a timestep twice"
            );
        }
        let karras = SamplingOptions {
            noise_schedule: NoiseSchedule::Karras,
            ..of(Sampler::Ddim)
        };
        assert_eq!(field(karras, 20), Some("noiseSchedule"));
        let spaced = SamplingOptions {
            timestep_spacing: Some(Spacing::Trailing),
            ..of(Sampler::Lcm)
        };
        assert_eq!(field(spaced, 4), Some("timestepSpacing"));
    }
}
