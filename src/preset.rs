//! What a LoRA for few steps wants of a request, by its name: they were distilled for one way of sampling and draw badly in
//! any other. The numbers are those of the model cards.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sampling::{Sampler, SamplingOptions, Spacing};

/// Settings that a LoRA was made for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preset {
    /// What the LoRA is, for people.
    pub name: &'static str,
    /// Number of steps.
    pub steps: usize,
    /// Sampler and timesteps.
    #[serde(flatten)]
    pub sampling: SamplingOptions,
    /// 1 where there is to be no guidance.
    pub guidance_scale: f64,
}

/// A line of LoRAs.
struct Family {
    name: &'static str,
    /// One of these is in the name, in letters and digits only.
    marks: &'static [&'static str],
    /// And this.
    and: &'static str,
    /// Numbers of steps there are LoRAs for, or that one LoRA can do.
    steps: &'static [usize],
    /// Where the name does not say; `None`: then it is another LoRA.
    default_steps: Option<usize>,
    sampler: Sampler,
    timestep_spacing: Option<Spacing>,
    guidance_scale: f64,
}

const OFF: f64 = 1.0;

/// The first that fits counts.
const FAMILIES: [Family; 5] = [
    // huggingface.co/ByteDance/SDXL-Lightning. Without a number it is a LoRA that draws lightning.
    Family {
        name: "SDXL-Lightning",
        marks: &["lightning"],
        and: "",
        steps: &[2, 4, 8],
        default_steps: None,
        sampler: Sampler::Euler,
        timestep_spacing: Some(Spacing::Trailing),
        guidance_scale: OFF,
    },
    // huggingface.co/ByteDance/Hyper-SD: the LoRAs that keep guidance, for 5 to 8 of it.
    Family {
        name: "Hyper-SD with guidance",
        marks: &["hypersd"],
        and: "cfg",
        steps: &[8, 12],
        default_steps: Some(8),
        sampler: Sampler::Ddim,
        timestep_spacing: Some(Spacing::Trailing),
        guidance_scale: 5.0,
    },
    // The one for a single step is described with TCD, which in one step is DDIM.
    Family {
        name: "Hyper-SD",
        marks: &["hypersd"],
        and: "",
        steps: &[1, 2, 4, 8],
        default_steps: Some(8),
        sampler: Sampler::Ddim,
        timestep_spacing: Some(Spacing::Trailing),
        guidance_scale: OFF,
    },
    // huggingface.co/latent-consistency/lcm-lora-sdxl
    Family {
        name: "LCM-LoRA",
        marks: &["lcmlora", "loralcm", "lcmsdxl", "sdxllcm"],
        and: "",
        steps: &[2, 3, 4, 5, 6, 7, 8],
        default_steps: Some(4),
        sampler: Sampler::Lcm,
        timestep_spacing: None,
        guidance_scale: OFF,
    },
    // LoRAs taken from huggingface.co/stabilityai/sdxl-turbo
    Family {
        name: "SDXL-Turbo",
        marks: &["xlturbo", "turboxl", "turbosdxl"],
        and: "",
        steps: &[1, 2, 3, 4],
        default_steps: Some(4),
        sampler: Sampler::EulerAncestral,
        timestep_spacing: Some(Spacing::Trailing),
        guidance_scale: OFF,
    },
];

/// Where trainers write a LoRA's name.
const TITLES: [&str; 2] = ["modelspec.title", "ss_output_name"];

impl Preset {
    /// The settings for a LoRA by its file's name and metadata; `None` where it is an ordinary one.
    pub fn detect(file_name: &str, metadata: &BTreeMap<String, String>) -> Option<Self> {
        let titles = TITLES.iter().filter_map(|title| metadata.get(*title));
        [file_name]
            .into_iter()
            .chain(titles.map(String::as_str))
            .find_map(of_name)
    }
}

fn of_name(name: &str) -> Option<Preset> {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let has_mark = |family: &&Family| {
        family.marks.iter().any(|mark| name.contains(mark)) && name.contains(family.and)
    };
    let family = FAMILIES.iter().find(has_mark)?;
    let said = said_steps(&name).filter(|steps| family.steps.contains(steps));
    Some(Preset {
        name: family.name,
        steps: said.or(family.default_steps)?,
        sampling: SamplingOptions {
            sampler: family.sampler,
            timestep_spacing: family.timestep_spacing,
            ..SamplingOptions::default()
        },
        guidance_scale: family.guidance_scale,
    })
}

/// The number in front of "step".
fn said_steps(name: &str) -> Option<usize> {
    let before = &name[..name.find("step")?];
    let digits = before
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    before[digits..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str) -> Option<(&'static str, usize, Sampler, f64)> {
        let preset = Preset::detect(name, &BTreeMap::new())?;
        let sampler = preset.sampling.sampler;
        Some((preset.name, preset.steps, sampler, preset.guidance_scale))
    }

    #[test]
    fn published_files_have_the_settings_of_their_cards() {
        for (file, wanted) in [
            (
                "sdxl_lightning_4step_lora.safetensors",
                ("SDXL-Lightning", 4, Sampler::Euler, 1.0),
            ),
            (
                "Hyper-SDXL-2steps-lora.safetensors",
                ("Hyper-SD", 2, Sampler::Ddim, 1.0),
            ),
            (
                "Hyper-SDXL-12steps-CFG-lora.safetensors",
                ("Hyper-SD with guidance", 12, Sampler::Ddim, 5.0),
            ),
            (
                "lcm-lora-sdxl.safetensors",
                ("LCM-LoRA", 4, Sampler::Lcm, 1.0),
            ),
            (
                "sd_xl_turbo_lora_v1.safetensors",
                ("SDXL-Turbo", 4, Sampler::EulerAncestral, 1.0),
            ),
        ] {
            assert_eq!(settings(file), Some(wanted), "{file}");
        }
    }

    #[test]
    fn ordinary_loras_have_no_preset() {
        for file in [
            "lightning_bolts_v2.safetensors",
            "hyperrealism.safetensors",
            "8step_stairs.safetensors",
            "",
        ] {
            assert_eq!(settings(file), None, "{file}");
        }
    }

    #[test]
    fn a_renamed_file_is_known_by_its_title() {
        let title = ("modelspec.title".to_owned(), "LCM LoRA".to_owned());
        let preset = Preset::detect("fast.safetensors", &BTreeMap::from([title])).unwrap();
        assert_eq!(preset.name, "LCM-LoRA");
        let json = serde_json::to_value(preset).unwrap();
        assert_eq!(
            (&json["sampler"], &json["guidanceScale"]),
            (&"lcm".into(), &1.0.into())
        );
    }
}
