use super::{Sampler, SamplingOptions, SchedulerConfig, Spacing};

impl SchedulerConfig {
    /// The timesteps that a run of `steps` steps takes, falling, before a noise schedule bends them [`set_timesteps`].
    pub(super) fn timesteps(&self, options: SamplingOptions, steps: usize) -> Vec<f64> {
        let sampler = options.sampler;
        if sampler == Sampler::Lcm {
            return self.lcm_timesteps(steps);
        }
        // Multistep schedulers space one timestep more, and leave out the lowest.
        let left_out = usize::from(sampler.is_multistep());
        let points = steps + left_out;
        let train = self.num_train_timesteps;
        match self.spacing(options) {
            Spacing::Leading => {
                let stride = train / points;
                let at = |i| (i * stride + self.steps_offset) as f64;
                (left_out..points).rev().map(at).collect()
            }
            Spacing::Linspace => {
                let stride = (train - 1) as f64 / (points.max(2) - 1) as f64;
                let at = |i| match sampler.is_variance_exploding() {
                    true => f64::from((i as f64 * stride) as f32),
                    false => (i as f64 * stride).round_ties_even(),
                };
                (left_out..points).rev().map(at).collect()
            }
            Spacing::Trailing => trailing(train as f64, steps),
        }
    }

    pub(super) fn spacing(&self, options: SamplingOptions) -> Spacing {
        let of_class = match options.sampler {
            Sampler::Ddim => Spacing::Leading,
            _ => Spacing::Linspace,
        };
        let asked = options.timestep_spacing.or(self.timestep_spacing);
        asked.unwrap_or(of_class)
    }

    /// Evenly out of the few that the model was distilled for.
    fn lcm_timesteps(&self, steps: usize) -> Vec<f64> {
        let original = self.original_inference_steps;
        let stride = self.num_train_timesteps / original;
        let apart = original as f64 / steps as f64;
        let at = |i| {
            let skipped = (i as f64 * apart) as usize;
            ((original - skipped) * stride) as f64 - 1.0
        };
        (0..steps).map(at).collect()
    }
}

/// As `numpy.arange`, which steps by the rounded difference of its first two values: it decides where halves are rounded to.
/// Where numpy goes one too far, below the first timestep, we stop.
fn trailing(train: f64, steps: usize) -> Vec<f64> {
    let stride = (train - train / steps as f64) - train;
    let at = |i| (train + i as f64 * stride).round_ties_even() - 1.0;
    (0..steps).map(at).collect()
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::super::tests::config;
    use super::*;

    fn timesteps(sampler: Sampler, spacing: Spacing, steps: usize) -> Vec<f64> {
        let options = SamplingOptions {
            sampler,
            timestep_spacing: Some(spacing),
            ..Default::default()
        };
        config().timesteps(options, steps)
    }

    #[test]
    fn trailing_rounds_as_numpy_does_and_ends_with_the_steps() {
        assert_eq!(
            timesteps(Sampler::Ddim, Spacing::Trailing, 7),
            [999., 856., 713., 570., 428., 285., 142.]
        );
        // 1000 - 3 * 1000 / 48 is 937.5, which numpy has from just below.
        assert_eq!(timesteps(Sampler::Euler, Spacing::Trailing, 48)[3], 936.);
        // numpy's list has a 62nd value, -1.
        let of_61 = timesteps(Sampler::Dpmpp2m, Spacing::Trailing, 61);
        assert_eq!(of_61.last(), Some(&15.0));
    }

    #[test]
    fn multistep_schedulers_leave_out_the_lowest() {
        assert_eq!(timesteps(Sampler::Euler, Spacing::Leading, 1), [1.]);
        assert_eq!(timesteps(Sampler::Dpmpp2m, Spacing::Leading, 1), [501.]);
        assert_eq!(timesteps(Sampler::Euler, Spacing::Linspace, 1), [0.]);
        assert_eq!(
            timesteps(Sampler::UniPc, Spacing::Linspace, 2),
            [999., 500.]
        );
    }

    #[test]
    fn lcm_takes_its_own_timesteps_under_every_spacing() {
        for spacing in [Spacing::Leading, Spacing::Trailing] {
            let actual = timesteps(Sampler::Lcm, spacing, 4);
            assert_eq!(actual, [999., 759., 499., 259.]);
        }
    }

    #[test]
    fn where_nothing_is_said_the_class_decides() {
        let mut config = config();
        config.timestep_spacing = None;
        let spacing = |sampler| {
            config.spacing(SamplingOptions {
                sampler,
                ..Default::default()
            })
        };
        assert_eq!(spacing(Sampler::Euler), Spacing::Linspace);
        assert_eq!(spacing(Sampler::Ddim), Spacing::Leading);
    }
}
