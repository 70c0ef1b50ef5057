//! Prompt to picture. The one place that decides what is in GPU memory: text encoders, base, refiner and VAE are resident
//! one after another, each loaded, used and dropped within one function.

mod config;
mod model;
mod progress;
mod text;

use burn::tensor::{Device, Tensor, TensorData};

use crate::conditioning::Conditioning;
use crate::image::Image;
use crate::noise::Generator;
use crate::request::Request;
use crate::sampling::{EpsilonDenoiser, SamplingOptions, Step, guide, sample};
use crate::vae::VaeConfig;
use crate::weights::source::ShardSource;
use crate::weights::{ComponentName, Scope};
use crate::{Error, Result};

pub use model::{Model, TextModel};
use progress::check_cancelled;
pub use progress::{Event, Observer, Stage};

/// SDXL's base and, where there is one, its refiner, on a device.
pub struct Pipeline<S> {
    base: Model<S>,
    refiner: Option<Model<S>>,
    device: Device,
    largest_tensor: u64,
}

/// What base and refiner are told.
#[derive(Debug, Clone)]
pub struct Conditionings {
    /// The base's.
    pub base: Conditioning,
    /// The refiner's, where it takes part.
    pub refiner: Option<Conditioning>,
}

impl<S: ShardSource> Pipeline<S> {
    /// Joins two models; refuses halves that do not fit together.
    pub fn new(base: Model<S>, refiner: Option<Model<S>>, device: Device) -> Result<Self> {
        let refuse = |component: &str, field: &str, problem: String| {
            Err(Error::BadConfig {
                component: component.into(),
                field: field.into(),
                problem,
            })
        };
        let Some(vae) = &base.vae else {
            return refuse("the base", "vae", "the model has no such component".into());
        };
        let latent = vae.latent_channels;
        for (name, model) in [
            ("the base's unet", Some(&base)),
            ("the refiner's unet", refiner.as_ref()),
        ] {
            let channels = model.map(|model| [model.unet.in_channels, model.unet.out_channels]);
            if channels.is_some_and(|channels| channels != [latent; 2]) {
                return refuse(
                    name,
                    "in_channels, out_channels",
                    format!("must both be the VAE's {latent}"),
                );
            }
        }
        let largest_tensor = u64::MAX;
        Ok(Self {
            base,
            refiner,
            device,
            largest_tensor,
        })
    }

    /// Refuses models, and later requests, that need a tensor of more bytes than the device can bind.
    pub fn with_largest_tensor(mut self, bytes: u64) -> Result<Self> {
        self.largest_tensor = bytes;
        for model in [Some(&self.base), self.refiner.as_ref()]
            .into_iter()
            .flatten()
        {
            self.check_fits(model.largest_weight())?;
        }
        Ok(self)
    }

    /// Draws a picture.
    pub async fn generate(&self, request: &Request, observer: &mut dyn Observer) -> Result<Image> {
        self.check(request)?;
        let conditionings = self.encode_text(request, observer).await?;
        let latent = self.denoise(request, conditionings, observer).await?;
        self.decode(latent, observer).await
    }

    /// Sides of a picture are multiples of this.
    pub fn size_multiple(&self) -> usize {
        self.base.vae.as_ref().map_or(1, VaeConfig::scale)
    }

    /// The side, in pixels, of the square pictures that the base was trained for.
    pub fn native_size(&self) -> usize {
        self.base.unet.sample_size * self.size_multiple()
    }

    /// Refuses a request that these models cannot draw.
    pub fn check(&self, request: &Request) -> Result<()> {
        request.check(self.size_multiple())?;
        let refuse = |field, problem| Err(Error::BadRequest { field, problem });
        let steps = request.steps;
        let refiner = match (request.refiner, &self.refiner) {
            (Some(_), None) => {
                return refuse("refiner", "this model has none; switch it off".into());
            }
            (Some(refine), Some(model)) => Some((refine.switch_at, model)),
            (None, _) => None,
        };
        for model in [Some(&self.base), refiner.map(|(_, model)| model)]
            .into_iter()
            .flatten()
        {
            let trained = model.scheduler.num_train_timesteps;
            if steps > trained {
                return refuse(
                    "steps",
                    format!("{steps} is more than the {trained} that the model knows"),
                );
            }
            let Some((switch_at, _)) = refiner else {
                continue;
            };
            let options = SamplingOptions::default();
            let schedule = model.scheduler.schedule(options, steps);
            let before = schedule.steps_before(switch_at);
            if before == 0 || before == steps {
                return refuse(
                    "switchAt",
                    format!("{switch_at} leaves the base {before} of {steps} steps"),
                );
            }
        }
        let decoded = self.base.vae.as_ref().map_or(0, |vae| {
            vae.largest_activation([request.height, request.width])
        });
        self.check_fits(decoded)
    }

    fn check_fits(&self, needed: u64) -> Result<()> {
        let (limit, available) = ("maxStorageBufferBindingSize", self.largest_tensor);
        if needed > available {
            return Err(Error::LimitTooSmall {
                limit,
                needed,
                available,
            });
        }
        Ok(())
    }

    /// The text stage.
    pub async fn encode_text(
        &self,
        request: &Request,
        observer: &mut dyn Observer,
    ) -> Result<Conditionings> {
        observer.event(Event::Stage { stage: Stage::Text });
        let base = self.encode_base(request, observer).await?;
        let refiner = match self.refiner.as_ref().filter(|_| request.refiner.is_some()) {
            Some(model) => Some(self.encode_refiner(model, request, observer).await?),
            None => None,
        };
        self.base.check_conditioning(&base)?;
        if let (Some(model), Some(refiner)) = (&self.refiner, &refiner) {
            model.check_conditioning(refiner)?;
        }
        Ok(Conditionings { base, refiner })
    }

    /// Noise to latent: the base, and behind it the refiner where it takes part.
    ///
    /// # Shapes
    /// - output: `[1, height / scale, width / scale, latent]`
    pub async fn denoise(
        &self,
        request: &Request,
        conditionings: Conditionings,
        observer: &mut dyn Observer,
    ) -> Result<Tensor<4>> {
        let steps = request.steps;
        let options = SamplingOptions::default();
        let schedule = self.base.scheduler.schedule(options, steps);
        let count = request
            .refiner
            .map_or(steps, |refine| schedule.steps_before(refine.switch_at));
        let noise = self.noise(request) * schedule.initial_sigma;
        let part = Part {
            stage: Stage::Base,
            model: &self.base,
            steps: &schedule.steps[..count],
        };
        let latent = self
            .sample(part, request, conditionings.base, noise, observer)
            .await?;

        let (Some(model), Some(conditioning), Some(refine)) =
            (&self.refiner, conditionings.refiner, request.refiner)
        else {
            return Ok(latent);
        };
        let schedule = model.scheduler.schedule(options, steps);
        let steps = &schedule.steps[schedule.steps_before(refine.switch_at)..];
        self.sample(
            Part {
                stage: Stage::Refiner,
                model,
                steps,
            },
            request,
            conditioning,
            latent,
            observer,
        )
        .await
    }

    /// Latent to picture.
    ///
    /// # Shapes
    /// - latent: `[1, height / scale, width / scale, latent]`
    pub async fn decode(&self, latent: Tensor<4>, observer: &mut dyn Observer) -> Result<Image> {
        observer.event(Event::Stage {
            stage: Stage::Decode,
        });
        check_cancelled(observer)?;
        let Some(config) = &self.base.vae else {
            unreachable!("a base without a VAE is refused by Pipeline::new");
        };
        let init = |weights: &Scope| config.init_decoder(weights);
        let decoder = self
            .base
            .load(
                ComponentName::Vae,
                &self.device,
                observer,
                VaeConfig::is_of_decoder,
                init,
            )
            .await?;
        let picture = decoder.forward(latent);
        let [_, height, width, _] = picture.dims();
        Image::from_decoded(&read(picture).await?, height, width)
    }

    /// Standard normal noise of the latent's shape, drawn in diffusers' order: channels first.
    fn noise(&self, request: &Request) -> Tensor<4> {
        let [height, width] =
            [request.height, request.width].map(|side| side / self.size_multiple());
        let shape = [1, self.base.unet.in_channels, height, width];
        let values = Generator::new(request.seed).normal(shape.iter().product());
        Tensor::<4>::from_data(TensorData::new(values, shape), &self.device).permute([0, 2, 3, 1])
    }

    /// Runs one model over its part of the noise levels.
    async fn sample(
        &self,
        part: Part<'_, S>,
        request: &Request,
        conditioning: Conditioning,
        latent: Tensor<4>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor<4>> {
        let Part {
            stage,
            model,
            steps: levels,
        } = part;
        let steps = levels.len();
        observer.event(Event::Stage { stage });
        let Conditioning {
            context,
            pooled,
            time_ids,
        } = conditioning;
        let init = |weights: &Scope| model.unet.init(weights);
        let unet = model
            .load(ComponentName::Unet, &self.device, observer, |_| true, init)
            .await?;
        let added = unet.embed_added(pooled, &time_ids, &self.device);

        let mut step = 0;
        let network = async |x: Tensor<4>, timestep: f32| {
            check_cancelled(observer)?;
            let x = if request.is_guided() {
                Tensor::cat(vec![x.clone(), x], 0)
            } else {
                x
            };
            let noise = unet.forward(x, timestep, &context, &added);
            let noise = if request.is_guided() {
                guide(noise, request.guidance_scale, 0.0)
            } else {
                noise
            };
            settle(&noise).await?;
            step += 1;
            observer.event(Event::Step { stage, step, steps });
            Ok(noise)
        };
        let mut denoiser = EpsilonDenoiser::new(network);
        let options = SamplingOptions::default();
        let mut noise = || self.noise(request);
        sample(options.sampler, &mut denoiser, &mut noise, latent, levels).await
    }
}

/// A model's part of a run.
struct Part<'a, S> {
    stage: Stage,
    model: &'a Model<S>,
    steps: &'a [Step],
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

async fn read(tensor: Tensor<4>) -> Result<Vec<f32>> {
    let failed = |problem: String| Error::Device { problem };
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| failed(error.to_string()))?;
    data.try_into_vec()
        .map_err(|error| failed(error.to_string()))
}
