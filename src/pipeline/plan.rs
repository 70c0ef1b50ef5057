//! Which steps of whose schedule a request runs.

use super::{Model, Pipeline};
use crate::request::{Refine, Request};
use crate::sampling::{Schedule, Step};
use crate::weights::source::ShardSource;
use crate::{Error, Result};

/// The parts of a run, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The base's part.
    pub base: Option<Part>,
    /// The refiner's part.
    pub refiner: Option<Part>,
}

/// What one model does.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Where it comes from.
    pub start: Start,
    /// What it runs; never nothing.
    pub steps: Vec<Step>,
}

/// What a part begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Noise of this deviation.
    Noise(f64),
    /// A picture under noise of this deviation.
    Picture(f64),
    /// What the part before left.
    Handover,
}

impl<S: ShardSource> Pipeline<S> {
    /// The parts of a run, for a request with or without a picture and a mask.
    pub fn plan(&self, request: &Request, picture: bool, mask: bool) -> Result<Plan> {
        let schedule = |model: &Model<S>, steps: usize| -> Result<Schedule> {
            if let Some((field, problem)) = model.scheduler.fault(request.sampling, steps) {
                return bad(field, problem);
            }
            Ok(model.scheduler.schedule(request.sampling, steps))
        };
        let refiner = self.refiner.as_ref().zip(request.refiner);
        let base = match request.skip_base {
            true => None,
            false => {
                let schedule = schedule(&self.base, request.steps)?;
                let last = match refiner {
                    Some((_, Refine::Ensemble { switch_at })) => schedule.steps_before(switch_at),
                    _ => schedule.steps.len(),
                };
                let first = match picture {
                    true => schedule.steps_skipped(request.strength),
                    false => 0,
                };
                let steps = schedule.steps.get(first..last).unwrap_or_default();
                // An inpainting that is to redraw everything it may starts from noise alone
                // [`StableDiffusionXLInpaintPipeline.prepare_latents`].
                let from_noise = !picture || mask && request.strength == 1.0;
                let start = match steps.first() {
                    Some(step) if !from_noise => Start::Picture(step.sigma),
                    _ => Start::Noise(schedule.initial_sigma),
                };
                let field = if picture { "strength" } else { "switchAt" };
                Some(part(start, steps, field)?)
            }
        };
        let refiner = match refiner {
            None => None,
            Some((model, Refine::Ensemble { switch_at })) => {
                let schedule = schedule(model, request.steps)?;
                let steps = &schedule.steps[schedule.steps_before(switch_at)..];
                Some(part(Start::Handover, steps, "switchAt")?)
            }
            Some((model, Refine::SdEdit { strength, steps })) => {
                let schedule = schedule(model, steps.unwrap_or(request.steps))?;
                let steps = &schedule.steps[schedule.steps_skipped(strength)..];
                let deviation = steps.first().map_or(0.0, |step| step.sigma);
                Some(part(Start::Picture(deviation), steps, "refiner.strength")?)
            }
        };
        Ok(Plan { base, refiner })
    }
}

fn part(start: Start, steps: &[Step], field: &'static str) -> Result<Part> {
    let steps = steps.to_vec();
    match steps.is_empty() {
        true => bad(field, "leaves no steps to one of the models".into()),
        false => Ok(Part { start, steps }),
    }
}

fn bad<T>(field: &'static str, problem: String) -> Result<T> {
    Err(Error::BadRequest { field, problem })
}
