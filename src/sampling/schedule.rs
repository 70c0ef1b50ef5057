use super::noise_schedule::{exponential, karras, timestep_at};
use super::{NoiseSchedule, Sampler, SamplingOptions, SchedulerConfig, Spacing};

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// What the network is told.
    pub timestep: f64,
    /// Deviation of the noise in x before the step.
    pub sigma: f64,
    /// The same after it: what the next step begins with, and 0 at the end of the run.
    pub next: f64,
    /// Sigma that the sampler's arithmetic goes to. Only DDIM's differs from `next`, which has a stride of its own.
    pub target: f64,
}

/// The steps of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// From noise to picture.
    pub steps: Vec<Step>,
    /// Standard deviation of the x that a run from noise alone starts with.
    pub initial_sigma: f64,
    train_timesteps: usize,
}

impl SchedulerConfig {
    /// The schedule of a run of `steps` steps, at least 1, for which there is no [`fault`](Self::fault) [`set_timesteps`].
    pub fn schedule(&self, options: SamplingOptions, steps: usize) -> Schedule {
        let SamplingOptions {
            sampler,
            noise_schedule,
            ..
        } = options;
        let table = self.training_sigmas();
        let spaced = self.timesteps(options, steps);
        let at_spaced: Vec<f64> = spaced.iter().map(|&t| interpolate(&table, t)).collect();
        let (timesteps, sigmas) = match noise_schedule {
            NoiseSchedule::Karras | NoiseSchedule::Exponential if sampler.has_noise_schedules() => {
                bend(options, &at_spaced, &table)
            }
            _ => (spaced, at_spaced),
        };
        let sigmas: Vec<f64> = sigmas.iter().map(|&s| f64::from(s as f32)).collect();

        let nexts = sigmas.iter().skip(1).copied().chain([0.0]);
        let step = |((&timestep, &sigma), next)| Step {
            timestep,
            sigma,
            next,
            target: match sampler {
                Sampler::Ddim => self.ddim_target(timestep, steps, &table),
                _ => next,
            },
        };
        let steps = timesteps.iter().zip(&sigmas).zip(nexts).map(step).collect();
        let largest = sigmas.first().copied().unwrap_or_default();
        // Euler's schedulers begin with noise alone, unless the spacing starts below the last timestep, where the data still
        // shows through; the others' latents of deviation 1 always have that share.
        let alone = sampler.is_variance_exploding() && self.spacing(options) != Spacing::Leading;
        Schedule {
            steps,
            initial_sigma: if alone { largest } else { largest.hypot(1.0) },
            train_timesteps: self.num_train_timesteps,
        }
    }

    /// Sigma one stride of whole timesteps below `timestep`, wherever the next step begins [`DDIMScheduler.step`].
    fn ddim_target(&self, timestep: f64, steps: usize, table: &[f64]) -> f64 {
        let previous = timestep - (self.num_train_timesteps / steps) as f64;
        match previous < 0.0 && self.set_alpha_to_one {
            true => 0.0,
            false => interpolate(table, previous),
        }
    }
}

/// Timesteps and sigmas of a noise schedule. Euler's spans the sigmas of its own timesteps and keeps fractions; those of the
/// multistep schedulers span the training and have whole timesteps, rounded for Karras and cut off for the exponential.
fn bend(options: SamplingOptions, spaced: &[f64], table: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let multistep = options.sampler.is_multistep();
    let is_karras = options.noise_schedule == NoiseSchedule::Karras;
    let (first, last) = match multistep {
        true => (table[table.len() - 1], table[0]),
        false => (spaced[0], spaced[spaced.len() - 1]),
    };
    let between = if is_karras { karras } else { exponential };
    let sigmas = between(first, last, spaced.len());
    let timestep = |&sigma: &f64| {
        let exact = timestep_at(sigma, table);
        match (multistep, is_karras) {
            (false, _) => f64::from(exact as f32),
            (true, true) => exact.round_ties_even(),
            (true, false) => exact.trunc(),
        }
    };
    (sigmas.iter().map(timestep).collect(), sigmas)
}

impl Schedule {
    /// How many steps belong to the base when the refiner takes over at this fraction of the noise
    /// [`denoising_end` in `StableDiffusionXLPipeline`].
    pub fn steps_before(&self, fraction: f64) -> usize {
        let train = self.train_timesteps as f64;
        let cutoff = (train - fraction * train).round_ties_even();
        let is_before = |step: &&Step| step.timestep >= cutoff;
        self.steps.iter().filter(is_before).count()
    }

    /// How many steps are left out when a picture is drawn over with this strength, from 0 to 1
    /// [`get_timesteps` in `StableDiffusionXLImg2ImgPipeline`].
    pub fn steps_skipped(&self, strength: f64) -> usize {
        let all = self.steps.len();
        all - ((all as f64 * strength) as usize).min(all)
    }
}

fn interpolate(table: &[f64], at: f64) -> f64 {
    let last = table.len() - 1;
    let at = at.clamp(0.0, last as f64);
    let low = at as usize;
    let high = (low + 1).min(last);
    table[low] + (table[high] - table[low]) * (at - low as f64)
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::super::tests::config;
    use super::*;

    fn ddim(set_alpha_to_one: bool, spacing: Spacing, steps: usize) -> Vec<Step> {
        let mut config = config();
        config.set_alpha_to_one = set_alpha_to_one;
        let options = SamplingOptions {
            sampler: Sampler::Ddim,
            timestep_spacing: Some(spacing),
            ..Default::default()
        };
        config.schedule(options, steps).steps
    }

    #[test]
    fn ddim_ends_at_the_first_timestep_or_at_0() {
        let table = config().training_sigmas();
        for steps in [1, 20] {
            let last = |one| ddim(one, Spacing::Leading, steps)[steps - 1];
            assert_eq!((last(true).next, last(true).target), (0.0, 0.0));
            assert_eq!((last(false).next, last(false).target), (0.0, table[0]));
        }
    }

    #[test]
    fn ddim_has_its_own_stride() {
        let table = config().training_sigmas();
        let steps = ddim(true, Spacing::Trailing, 7);
        // From 999 by 1000 / 7, whole, though the next step begins at 856.
        assert_eq!((steps[0].target, steps[0].next), (table[857], table[856]));
        // 142 less 142 is a timestep still.
        assert_eq!((steps[6].target, steps[6].next), (table[0], 0.0));
    }

    #[test]
    fn a_schedule_is_parted_as_in_diffusers() {
        let schedule = config().schedule(SamplingOptions::default(), 20);
        for (strength, skipped) in [(0.0, 20), (0.3, 14), (0.59, 9), (1.0, 0)] {
            assert_eq!(schedule.steps_skipped(strength), skipped);
        }
        for (fraction, before) in [(0.0, 0), (0.8, 16), (1.0, 20)] {
            assert_eq!(schedule.steps_before(fraction), before);
        }
    }

    #[test]
    fn an_exponential_schedule_is_even_in_the_logarithm() {
        for sampler in [Sampler::Euler, Sampler::Dpmpp2m] {
            let options = SamplingOptions {
                sampler,
                noise_schedule: NoiseSchedule::Exponential,
                ..Default::default()
            };
            let steps = config().schedule(options, 10).steps;
            let ratios = steps[..9].iter().map(|step| step.next / step.sigma);
            let ratio = steps[1].sigma / steps[0].sigma;
            assert!(ratios.into_iter().all(|r| (r / ratio - 1.0).abs() < 1e-6));
            let whole = steps.iter().all(|step| step.timestep.fract() == 0.0);
            assert_eq!(whole, sampler == Sampler::Dpmpp2m);
        }
    }
}
