//! What the user asks for.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::conditioning::SizeConditioning;
use crate::image::{Image, Mask};
use crate::prompt::PromptSyntax;
use crate::sampling::SamplingOptions;
use crate::{Error, Result};

/// A picture to draw. Sizes are (height, width), as everywhere in SDXL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// What to draw.
    pub prompt: String,
    /// What encoder 2 reads instead of `prompt`.
    pub prompt_2: Option<String>,
    /// What to keep away from. `None` is the model's own unconditional input, which for the base is not the empty prompt.
    pub negative_prompt: Option<String>,
    /// How the prompts are read.
    pub prompt_syntax: PromptSyntax,
    /// Layers of the text encoders that are left out for the prompt, on top of the last, which SDXL always leaves out.
    pub clip_skip: usize,
    /// Of the noise; the same seed draws the same picture as in diffusers.
    pub seed: u64,
    /// Pictures drawn together; their noise is one larger draw, as in diffusers with one generator.
    pub images: usize,
    /// Steps of the whole schedule, of base and refiner together.
    pub steps: usize,
    /// How the noise is walked down.
    pub sampling: SamplingOptions,
    /// Classifier-free guidance; up to 1 there is none.
    pub guidance_scale: f64,
    /// How far guidance is kept from changing the contrast, 0 (off) to 1 (arXiv 2305.08891, section 3.4).
    pub guidance_rescale: f64,
    /// How much of the schedule redraws [`Inputs::image`], over 0 to 1.
    pub strength: f64,
    /// Pixels.
    pub height: usize,
    /// Pixels.
    pub width: usize,
    /// Whether the refiner takes part, and how.
    pub refiner: Option<Refine>,
    /// Leaves [`Inputs::image`] to the refiner alone, which then has to be [`Refine::SdEdit`].
    pub skip_base: bool,
    /// LoRAs to draw with.
    pub loras: Vec<LoraUse>,
    /// Size of the picture the model should imagine before scaling; the picture's own if `None`.
    pub original_size: Option<[u32; 2]>,
    /// Where it should imagine the crop.
    pub crop_top_left: Option<[u32; 2]>,
    /// Size it should imagine the crop to have; the picture's own if `None`.
    pub target_size: Option<[u32; 2]>,
    /// The three sizes of the negative prompt; those of the prompt if `None`.
    pub negative_sizes: Option<NegativeSizes>,
    /// Aesthetic score for the refiner.
    pub aesthetic_score: Option<f32>,
    /// Aesthetic score of the negative prompt for the refiner.
    pub negative_aesthetic_score: Option<f32>,
}

/// How the refiner takes part (arXiv 2307.01952, section 2.5).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Refine {
    /// The ensemble of expert denoisers: it goes on where the base stops.
    Ensemble {
        /// Fraction of the run that is the base's: `denoising_end` and `denoising_start` of diffusers.
        switch_at: f64,
    },
    /// SDEdit (arXiv 2108.01073): it redraws the finished latent, from noise that is added to it.
    SdEdit {
        /// How much of the schedule is run, over 0 to 1.
        strength: f64,
        /// Steps of the whole schedule; the request's if `None`.
        #[serde(default)]
        steps: Option<usize>,
    },
}

/// A LoRA that was loaded before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoraUse {
    /// What it was called when it was loaded.
    pub name: String,
    /// What its addition to the weights is multiplied by.
    pub weight: f64,
}

/// The pictures that a request starts from, of its width and height.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// What is redrawn ([`Request::strength`]).
    pub image: Option<Image>,
    /// Which part of `image` is; all of it if `None`.
    pub mask: Option<Mask>,
}

/// See [`Request::negative_sizes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NegativeSizes {
    /// As [`Request::original_size`].
    pub original_size: [u32; 2],
    /// As [`Request::crop_top_left`].
    pub crop_top_left: [u32; 2],
    /// As [`Request::target_size`].
    pub target_size: [u32; 2],
}

impl Default for Request {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            prompt_2: None,
            negative_prompt: None,
            prompt_syntax: PromptSyntax::default(),
            clip_skip: 0,
            seed: 0,
            images: 1,
            steps: 30,
            sampling: SamplingOptions::default(),
            guidance_scale: 5.0,
            guidance_rescale: 0.0,
            strength: 0.5,
            height: 1024,
            width: 1024,
            refiner: None,
            skip_base: false,
            loras: Vec::new(),
            original_size: None,
            crop_top_left: None,
            target_size: None,
            negative_sizes: None,
            aesthetic_score: None,
            negative_aesthetic_score: None,
        }
    }
}

impl Request {
    /// Most steps of a run: one for each timestep of the training would be the limit of sense.
    pub const MAX_STEPS: usize = 1000;
    /// Most pictures to a batch.
    pub const MAX_IMAGES: usize = 16;
    /// Most pixels to a side.
    pub const MAX_SIDE: usize = 4096;
    /// Most pixels of a picture: what a kernel covers in one dispatch, 65,535 workgroups of 64.
    pub const MAX_PIXELS: usize = 65_535 * 64;
    const AESTHETIC_SCORE: f32 = 6.0;
    const NEGATIVE_AESTHETIC_SCORE: f32 = 2.5;

    /// Refuses what no model can do; `multiple` is what both sides must be a multiple of.
    pub fn check(&self, multiple: usize) -> Result<()> {
        for (field, side) in [("height", self.height), ("width", self.width)] {
            if side == 0 || side > Self::MAX_SIDE || !side.is_multiple_of(multiple) {
                return bad(
                    field,
                    format!(
                        "{side} is not a multiple of {multiple} from {multiple} to {}",
                        Self::MAX_SIDE
                    ),
                );
            }
        }
        if self.height * self.width > Self::MAX_PIXELS {
            return bad(
                "width",
                format!(
                    "{} x {} are more than {} pixels",
                    self.width,
                    self.height,
                    Self::MAX_PIXELS
                ),
            );
        }
        within("images", self.images, 1..=Self::MAX_IMAGES)?;
        within("steps", self.steps, 1..=Self::MAX_STEPS)?;
        within("guidanceScale", self.guidance_scale, 0.0..=100.0)?;
        within("guidanceRescale", self.guidance_rescale, 0.0..=1.0)?;
        within("strength", self.strength, 0.0..=1.0)?;
        match self.refiner {
            Some(Refine::Ensemble { switch_at }) if !(switch_at > 0.0 && switch_at < 1.0) => {
                let problem = format!("{switch_at} does not lie between 0 and 1");
                return bad("switchAt", problem);
            }
            Some(Refine::SdEdit { strength, steps }) => {
                within("refiner.strength", strength, 0.0..=1.0)?;
                let steps = steps.unwrap_or(self.steps);
                within("refiner.steps", steps, 1..=Self::MAX_STEPS)?;
            }
            _ => {}
        }
        if self.skip_base && !matches!(self.refiner, Some(Refine::SdEdit { .. })) {
            let problem = "without the base the refiner needs a strength".into();
            return bad("skipBase", problem);
        }
        if let Some(lora) = self
            .loras
            .iter()
            .find(|lora| !(lora.weight as f32).is_finite())
        {
            let problem = format!(
                "the weight of `{}` is not a number that f32 holds",
                lora.name
            );
            return bad("loras", problem);
        }
        for (field, score) in [
            ("aestheticScore", self.aesthetic_score),
            ("negativeAestheticScore", self.negative_aesthetic_score),
        ] {
            if score.is_some_and(|score| !score.is_finite()) {
                return bad(field, "is not a number".into());
            }
        }
        Ok(())
    }

    /// Refuses pictures that do not fit the request.
    pub fn check_inputs(&self, inputs: &Inputs) -> Result<()> {
        let size = [self.width, self.height];
        let of_image = inputs
            .image
            .as_ref()
            .map(|image| [image.width, image.height]);
        let of_mask = inputs.mask.as_ref().map(|mask| [mask.width, mask.height]);
        for (field, found) in [("image", of_image), ("mask", of_mask)] {
            if let Some([width, height]) = found.filter(|found| *found != size) {
                let [wanted_width, wanted_height] = size;
                let problem = format!(
                    "is {width} x {height}, the picture is to be {wanted_width} x {wanted_height}: resize it first"
                );
                return bad(field, problem);
            }
        }
        if of_image.is_none() && (of_mask.is_some() || self.skip_base) {
            return bad("image", "a mask, or the refiner alone, needs one".into());
        }
        Ok(())
    }

    /// Whether there is a negative half.
    pub fn is_guided(&self) -> bool {
        self.guidance_scale > 1.0
    }

    /// What a network is given in a step: each picture, twice if there is a negative half.
    pub fn samples(&self) -> usize {
        match self.is_guided() {
            true => 2 * self.images,
            false => self.images,
        }
    }

    /// The sizes the picture is conditioned on.
    pub fn sizes(&self) -> SizeConditioning {
        let own = [self.height as u32, self.width as u32];
        SizeConditioning {
            original_size: self.original_size.unwrap_or(own),
            crop_top_left: self.crop_top_left.unwrap_or_default(),
            target_size: self.target_size.unwrap_or(own),
        }
    }

    /// The sizes the negative half is conditioned on.
    pub fn negative_size_conditioning(&self) -> SizeConditioning {
        self.negative_sizes.map_or_else(
            || self.sizes(),
            |NegativeSizes {
                 original_size,
                 crop_top_left,
                 target_size,
             }| SizeConditioning {
                original_size,
                crop_top_left,
                target_size,
            },
        )
    }

    /// Aesthetic scores for the refiner, negative first.
    pub fn aesthetic_scores(&self) -> [f32; 2] {
        [
            self.negative_aesthetic_score
                .unwrap_or(Self::NEGATIVE_AESTHETIC_SCORE),
            self.aesthetic_score.unwrap_or(Self::AESTHETIC_SCORE),
        ]
    }
}

fn within<T: PartialOrd + Display>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<()> {
    match range.contains(&value) {
        true => Ok(()),
        false => bad(
            field,
            format!("{value} is not from {} to {}", range.start(), range.end()),
        ),
    }
}

fn bad(field: &'static str, problem: String) -> Result<()> {
    Err(Error::BadRequest { field, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_refused(request: Request) -> &'static str {
        match request.check(8) {
            Err(Error::BadRequest { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refuses_what_no_model_can_draw_by_field() {
        assert!(Request::default().check(8).is_ok());
        assert_eq!(
            field_refused(Request {
                width: 100,
                ..Request::default()
            }),
            "width"
        );
        assert_eq!(
            field_refused(Request {
                height: 0,
                ..Request::default()
            }),
            "height"
        );
        assert_eq!(
            field_refused(Request {
                steps: 0,
                ..Request::default()
            }),
            "steps"
        );
        assert_eq!(
            field_refused(Request {
                guidance_scale: f64::NAN,
                ..Request::default()
            }),
            "guidanceScale"
        );
        let refiner = Some(Refine::Ensemble { switch_at: 1.0 });
        assert_eq!(
            field_refused(Request {
                refiner,
                ..Request::default()
            }),
            "switchAt"
        );
    }
}
