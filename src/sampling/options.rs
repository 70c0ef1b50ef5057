use serde::{Deserialize, Serialize};

use super::NoiseSchedule;

/// How a run goes from noise to picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SamplingOptions {
    /// Who walks the steps.
    pub sampler: Sampler,
    /// How the sigmas lie between the first and the last.
    pub noise_schedule: NoiseSchedule,
    /// Which timesteps a run takes; what the model's config says if `None`.
    pub timestep_spacing: Option<Spacing>,
}

/// A way to walk the steps, named as in k-diffusion and the web UIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Sampler {
    /// `EulerDiscreteScheduler`.
    #[default]
    #[serde(rename = "euler")]
    Euler,
    /// `EulerAncestralDiscreteScheduler`.
    #[serde(rename = "euler_ancestral")]
    EulerAncestral,
    /// `DPMSolverMultistepScheduler`.
    #[serde(rename = "dpmpp_2m")]
    Dpmpp2m,
    /// `DPMSolverMultistepScheduler` with the algorithm `sde-dpmsolver++`.
    #[serde(rename = "dpmpp_2m_sde")]
    Dpmpp2mSde,
    /// `DDIMScheduler`.
    #[serde(rename = "ddim")]
    Ddim,
    /// `UniPCMultistepScheduler`.
    #[serde(rename = "unipc")]
    UniPc,
    /// `LCMScheduler`, for models that were distilled for it.
    #[serde(rename = "lcm")]
    Lcm,
}

impl Sampler {
    /// All of them, in the order of a menu.
    pub const ALL: [Self; 7] = [
        Self::Euler,
        Self::EulerAncestral,
        Self::Dpmpp2m,
        Self::Dpmpp2mSde,
        Self::Ddim,
        Self::UniPc,
        Self::Lcm,
    ];

    /// Whether a step looks back at the one before it.
    pub fn is_multistep(self) -> bool {
        matches!(self, Self::Dpmpp2m | Self::Dpmpp2mSde | Self::UniPc)
    }

    /// Whether another noise schedule than the default can be chosen: the others are tied to the timesteps of the training.
    pub fn has_noise_schedules(self) -> bool {
        self == Self::Euler || self.is_multistep()
    }

    /// Whether x starts as in Euler's scheduler; in the others' variance-preserving space it starts as noise of deviation 1.
    pub(super) fn is_variance_exploding(self) -> bool {
        matches!(self, Self::Euler | Self::EulerAncestral)
    }
}

/// The timesteps of a run among those of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Every n-th, from the first.
    Leading,
    /// Every n-th, to the last.
    Trailing,
    /// Evenly from first to last.
    Linspace,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_spelled_as_the_page_spells_them() {
        let names = Sampler::ALL.map(|sampler| serde_json::to_value(sampler).unwrap());
        assert_eq!(
            names,
            [
                "euler",
                "euler_ancestral",
                "dpmpp_2m",
                "dpmpp_2m_sde",
                "ddim",
                "unipc",
                "lcm"
            ]
        );
        let json =
            r#"{"sampler":"dpmpp_2m","noiseSchedule":"karras","timestepSpacing":"trailing"}"#;
        let options: SamplingOptions = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&options).unwrap(), json);
        let default: SamplingOptions = serde_json::from_str("{}").unwrap();
        assert_eq!(default, SamplingOptions::default());
    }
}
