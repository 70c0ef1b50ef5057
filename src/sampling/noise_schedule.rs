use serde::{Deserialize, Serialize};

/// How the sigmas of a run lie between the first and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseSchedule {
    /// At the spaced timesteps.
    #[default]
    Default,
    /// Closer together the smaller they are: equation 5 of Karras et al. (arXiv 2206.00364).
    Karras,
    /// On a line of their logarithms.
    Exponential,
}

/// The rho of Karras et al.
const RHO: f64 = 7.0;

/// `steps` sigmas from `first` down to `last` [`_convert_to_karras`].
pub(super) fn karras(first: f64, last: f64, steps: usize) -> Vec<f64> {
    let root = |sigma: f64| sigma.powf(1.0 / RHO);
    let sigmas = line(root(first), root(last), steps);
    sigmas.into_iter().map(|root| root.powf(RHO)).collect()
}

/// `steps` sigmas from `first` down to `last` [`_convert_to_exponential`].
pub(super) fn exponential(first: f64, last: f64, steps: usize) -> Vec<f64> {
    let logs = line(first.ln(), last.ln(), steps);
    logs.into_iter().map(f64::exp).collect()
}

/// The timestep of a sigma; between two of the training's, by the logarithm [`_sigma_to_t`]. The logarithms of the training
/// are in f32, as numpy has them: timesteps that are rounded later could fall on the other side of a half.
pub(super) fn timestep_at(sigma: f64, training_sigmas: &[f64]) -> f64 {
    let log = |i: usize| f64::from(training_sigmas[i].ln() as f32);
    let above = training_sigmas.partition_point(|&s| f64::from(s.ln() as f32) <= sigma.ln());
    let low = above.clamp(1, training_sigmas.len() - 1) - 1;
    let apart = f64::from((log(low + 1) - log(low)) as f32);
    low as f64 + ((sigma.ln() - log(low)) / apart).clamp(0.0, 1.0)
}

fn line(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = (end - start) / (count.max(2) - 1) as f64;
    (0..count).map(|i| start + i as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_goes_from_first_to_last() {
        for schedule in [karras, exponential] {
            let sigmas = schedule(10.0, 0.1, 5);
            assert!((sigmas[0] - 10.0).abs() < 1e-12 && (sigmas[4] - 0.1).abs() < 1e-12);
            assert!(sigmas.windows(2).all(|w| w[0] > w[1]));
            assert!((schedule(10.0, 0.1, 1)[0] - 10.0).abs() < 1e-12);
        }
        assert!((exponential(10.0, 0.1, 5)[2] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_sigma_between_two_has_a_timestep_between_theirs() {
        let table = [0.5, 1.0, 4.0];
        for (sigma, timestep) in [(0.1, 0.0), (0.5, 0.0), (2.0, 1.5), (4.0, 2.0), (9.0, 2.0)] {
            assert!((timestep_at(sigma, &table) - timestep).abs() < 1e-6);
        }
    }
}
