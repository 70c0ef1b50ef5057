//! Noise, or a noised picture, to a latent: the base, and behind it the refiner where it takes part.

use burn::tensor::Tensor;

use super::picture::StartLatents;
use super::plan::{Part, Start};
use super::progress::check_cancelled;
use super::{Conditionings, Event, Model, Observer, Pipeline, Stage, read};
use crate::conditioning::Conditioning;
use crate::noise::Generator;
use crate::request::Request;
use crate::sampling::{Denoiser, Step, guide, sample};
use crate::unet::{Context, UNet};
use crate::weights::source::ShardSource;
use crate::weights::{ComponentName, Resident, Scope};
use crate::{Error, Precision, Result};

impl<S: ShardSource> Pipeline<S> {
    /// Runs both models over their parts of the noise levels. `generator` goes on from the draws of the VAE's noise.
    ///
    /// # Shapes
    /// - output: `[images, height / scale, width / scale, latent]`
    pub async fn denoise(
        &self,
        request: &Request,
        conditionings: Conditionings,
        start: StartLatents,
        generator: &mut Generator,
        observer: &mut dyn Observer,
    ) -> Result<Tensor<4>> {
        let plan = self.plan(request, start.image.is_some(), start.mask.is_some())?;
        let mut state = State::new(start, request.images);
        if let (Some(part), Some(conditioning)) = (plan.base, conditionings.base) {
            let job = Job {
                stage: Stage::Base,
                model: &self.base,
                part,
                conditioning,
            };
            self.run(job, request, &mut state, generator, observer)
                .await?;
        }
        if let (Some(model), Some(part), Some(conditioning)) =
            (&self.refiner, plan.refiner, conditionings.refiner)
        {
            let job = Job {
                stage: Stage::Refiner,
                model,
                part,
                conditioning,
            };
            self.run(job, request, &mut state, generator, observer)
                .await?;
        }
        match state.latent {
            Some(latent) => Ok(latent),
            None => unreachable!("a request without a model to run is refused by its check"),
        }
    }

    /// One model's part: `state` before to `state` after.
    async fn run(
        &self,
        job: Job<'_, S>,
        request: &Request,
        state: &mut State,
        generator: &mut Generator,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Job {
            stage,
            model,
            part: Part { start, steps },
            conditioning,
        } = job;
        observer.event(Event::Stage { stage });
        let images = request.images;
        let x = match (start, state.latent.take()) {
            (Start::Handover, Some(latent)) => latent,
            (Start::Picture(sigma), Some(latent)) => {
                latent + state.renoise(self.noise(request, images, generator)) * sigma
            }
            (Start::Noise(sigma), _) => {
                state.renoise(self.noise(request, images, generator)) * sigma
            }
            (Start::Handover | Start::Picture(_), None) => {
                unreachable!("a plan starts from what there is")
            }
        };
        if stage == Stage::Base && state.kept.is_some() {
            // diffusers encodes the masked picture too, for UNets that take it as input, and draws noise for it.
            self.noise(request, 1, generator);
        }

        let init = |weights: &Scope| model.unet.init(weights);
        let (name, adapters) = (ComponentName::Unet, self.adapters(model, request));
        let unet = model
            .load_adapted(name, &self.device, observer, &adapters, |_| true, init)
            .await?;
        let Conditioning {
            context,
            pooled,
            time_ids,
        } = conditioning.repeat(images);
        let mut run = Run {
            stage,
            added: unet.embed_added(pooled, &time_ids, &self.device),
            context: unet.context(&context.cast(self.precision.dtype())),
            unet,
            precision: self.precision,
            request,
            kept: state.kept.as_ref(),
            step: 0,
            steps: steps.len(),
            observer,
        };
        let mut noise = || self.noise(request, images, generator);
        let sampler = request.sampling.sampler;
        state.latent = Some(sample(sampler, &mut run, &mut noise, x, &steps).await?);
        Ok(())
    }
}

struct Job<'a, S> {
    stage: Stage,
    model: &'a Model<S>,
    part: Part,
    conditioning: Conditioning,
}

/// What goes from one part to the next.
struct State {
    latent: Option<Tensor<4>>,
    kept: Option<Kept>,
}

/// The part of a picture that is not redrawn, and the noise it is kept under.
struct Kept {
    image: Tensor<4>,
    redrawn: Tensor<4>,
    noise: Tensor<4>,
}

impl State {
    fn new(start: StartLatents, images: usize) -> Self {
        let batch = |one: Tensor<4>| one.repeat_dim(0, images);
        let kept = start.image.as_ref().zip(start.mask);
        Self {
            kept: kept.map(|(image, mask)| Kept {
                image: batch(image.clone()),
                redrawn: batch(mask),
                noise: image.zeros_like(),
            }),
            latent: start.image.map(batch),
        }
    }

    /// Fresh noise lies over the kept part as well.
    fn renoise(&mut self, noise: Tensor<4>) -> Tensor<4> {
        if let Some(kept) = &mut self.kept {
            kept.noise = noise.clone();
        }
        noise
    }
}

/// A UNet with all it is told.
struct Run<'a> {
    stage: Stage,
    unet: Resident<UNet>,
    context: Context,
    precision: Precision,
    added: Tensor<2>,
    request: &'a Request,
    kept: Option<&'a Kept>,
    step: usize,
    steps: usize,
    observer: &'a mut dyn Observer,
}

impl Run<'_> {
    fn predict(&self, x: Tensor<4>, timestep: f32) -> Tensor<4> {
        let x = x.cast(self.precision.dtype());
        self.unet.forward(x, timestep, &self.context, &self.added)
    }
}

impl Denoiser for Run<'_> {
    async fn predict_noise(&mut self, x: Tensor<4>, timestep: f32) -> Result<Tensor<4>> {
        check_cancelled(self.observer)?;
        let Request {
            guidance_scale,
            guidance_rescale,
            ..
        } = *self.request;
        if !self.request.is_guided() {
            return Ok(self.predict(x, timestep));
        }
        let both = Tensor::cat(vec![x.clone(), x], 0);
        let both = self.predict(both, timestep);
        Ok(guide(both, guidance_scale, guidance_rescale))
    }

    async fn stepped(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>> {
        let x = match self.kept {
            Some(kept) => kept.put_back(x, step.next),
            None => x,
        };
        settle(&x).await?;
        self.step += 1;
        let (stage, step_number, steps) = (self.stage, self.step, self.steps);
        self.observer.latent(&x, step.next);
        self.observer.event(Event::Step {
            stage,
            step: step_number,
            steps,
        });
        Ok(x)
    }
}

impl Kept {
    fn put_back(&self, x: Tensor<4>, sigma: f64) -> Tensor<4> {
        let image = self.image.clone() + self.noise.clone() * sigma;
        image.clone() + (x - image) * self.redrawn.clone()
    }
}

/// Waits until the device has computed `x`, so that work does not pile up and a cancellation takes effect.
async fn settle(x: &Tensor<4>) -> Result<()> {
    let first = x.clone().slice([0..1, 0..1, 0..1, 0..1]);
    match read(first).await?.first() {
        Some(value) if value.is_finite() => Ok(()),
        _ => Err(Error::NotFinite {
            place: "the predicted noise".into(),
        }),
    }
}
