//! Noise, or a noised picture, to a latent: the base, and behind it the refiner where it takes part.

use burn::tensor::Tensor;

use super::picture::StartLatents;
use super::plan::{Part, Start};
use super::progress::{check_cancelled, unless_cancelled};
use super::{Conditionings, Event, Model, Observer, Pipeline, Stage, read};
use crate::conditioning::Conditioning;
use crate::kernels::settle;
use crate::noise::Generator;
use crate::request::Request;
use crate::sampling::{Denoiser, Step, guide, sample};
use crate::unet::{Context, UNet};
use crate::vae::LatentRgb;
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

        let conditioning = conditioning.repeat(images);
        let [samples, tokens, _] = conditioning.context.dims();
        let at_once = self.samples_at_once(model, request, tokens)?;
        let init = |weights: &Scope| model.unet.init(weights);
        let (name, adapters) = (ComponentName::Unet, self.adapters(model, request));
        let unet = model
            .load_adapted(name, &self.device, observer, &adapters, |_| true, init)
            .await?;
        // Pictures differ in their noise alone: all portions of a half of the guidance are told the same.
        let told = (0..samples).step_by(images.max(at_once));
        let told =
            told.map(|first| Told::new(first, at_once, &conditioning, &unet, self.precision.get()));
        let previews = observer.wants_previews().then(|| self.vae().latent_rgb());
        let mut run = Run {
            stage,
            previews: previews.flatten(),
            estimate: None,
            told: told.collect(),
            at_once,
            unet,
            precision: self.precision.get(),
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

/// What the network is told of samples that go through it together: all of a step, or some of one half of the guidance.
struct Told {
    context: Context,
    added: Tensor<2>,
}

impl Told {
    fn new(
        first: usize,
        count: usize,
        conditioning: &Conditioning,
        unet: &UNet,
        precision: Precision,
    ) -> Self {
        let context = conditioning.context.clone().narrow(0, first, count);
        let pooled = conditioning.pooled.clone().narrow(0, first, count);
        let time_ids = &conditioning.time_ids[first..first + count];
        let device = pooled.device();
        Self {
            context: unet.context(&context.cast(precision.dtype())),
            added: unet.embed_added(pooled, time_ids, &device),
        }
    }
}

/// A UNet with all it is told.
struct Run<'a> {
    stage: Stage,
    // Dropped before the network, whose memory is given back together with what is unused by then.
    told: Vec<Told>,
    at_once: usize,
    unet: Resident<UNet>,
    precision: Precision,
    request: &'a Request,
    kept: Option<&'a Kept>,
    step: usize,
    steps: usize,
    previews: Option<LatentRgb>,
    /// Of the finished picture, as the last step saw it.
    estimate: Option<Tensor<4>>,
    observer: &'a mut dyn Observer,
}

impl Run<'_> {
    async fn predict(&self, x: Tensor<4>, timestep: f32) -> Result<Tensor<4>> {
        let x = x.cast(self.precision.dtype());
        let [samples, ..] = x.dims();
        let mut parts = Vec::new();
        for first in (0..samples).step_by(self.at_once) {
            let Told { context, added } = &self.told[first * self.told.len() / samples];
            let x = x.clone().narrow(0, first, self.at_once);
            parts.push(self.unet.forward(x, timestep, context, added).await?);
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => Ok(Tensor::cat(parts, 0)),
        }
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
            return unless_cancelled(self.observer, self.predict(x, timestep)).await;
        }
        let both = Tensor::cat(vec![x.clone(), x], 0);
        let both = unless_cancelled(self.observer, self.predict(both, timestep)).await?;
        Ok(guide(both, guidance_scale, guidance_rescale))
    }

    fn estimated(&mut self, estimate: &Tensor<4>) {
        if self.previews.is_some() {
            self.estimate = Some(estimate.clone());
        }
    }

    async fn stepped(&mut self, x: Tensor<4>, step: Step) -> Result<Tensor<4>> {
        let x = match self.kept {
            Some(kept) => kept.put_back(x, step.next),
            None => x,
        };
        check_finite(&x).await?;
        self.step += 1;
        let (stage, step_number, steps) = (self.stage, self.step, self.steps);
        self.observer.latent(&x, step.next);
        self.observer.event(Event::Step {
            stage,
            step: step_number,
            steps,
        });
        if let (Some(map), Some(estimate)) = (&self.previews, self.estimate.take()) {
            let [_, height, width, channels] = estimate.dims();
            let values = read(estimate).await?;
            let images = values.chunks(height * width * channels);
            let images = images.map(|latent| map.image(latent, height, width));
            self.observer.preview(&images.collect::<Result<Vec<_>>>()?);
        }
        Ok(x)
    }
}

impl Kept {
    fn put_back(&self, x: Tensor<4>, sigma: f64) -> Tensor<4> {
        let image = self.image.clone() + self.noise.clone() * sigma;
        image.clone() + (x - image) * self.redrawn.clone()
    }
}

/// Waits until the device has computed `x`, so that work does not pile up, and looks at what it is.
async fn check_finite(x: &Tensor<4>) -> Result<()> {
    settle(&x.device()).await?;
    let [pictures, ..] = x.dims();
    // A number that is not finite spreads over its picture within a step, but not to others.
    let first = x.clone().slice([0..pictures, 0..1, 0..1, 0..1]);
    match read(first).await?.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(Error::NotFinite {
            place: "the predicted noise".into(),
        }),
    }
}
