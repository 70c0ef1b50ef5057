//! Prompt to picture. The one place that decides what is in GPU memory: text encoders, base, refiner and VAE are resident
//! one after another, each loaded, used and dropped within one function.

mod config;
mod denoise;
mod loras;
mod model;
mod picture;
mod plan;
mod progress;
mod room;
mod text;

use std::cell::Cell;

use burn::tensor::{Device, Tensor};

use crate::conditioning::Conditioning;
use crate::device::Room;
use crate::image::Image;
use crate::noise::Generator;
use crate::request::{Inputs, Request};
use crate::vae::VaeConfig;
use crate::weights::source::ShardSource;
use crate::{Error, Precision, Result};

use loras::LoadedLora;
pub use model::{Model, TextModel};
pub use picture::{Latents, StartLatents};
pub use plan::{Part, Plan, Start};
pub(crate) use progress::check_cancelled;
pub use progress::{Event, Observer, Stage};

/// SDXL's base and, where there is one, its refiner, on a device.
pub struct Pipeline<S> {
    base: Model<S>,
    refiner: Option<Model<S>>,
    loras: Vec<LoadedLora>,
    device: Device,
    precision: Cell<Precision>,
    room: Room,
}

/// What base and refiner are told.
#[derive(Debug, Clone)]
pub struct Conditionings {
    /// The base's, where it takes part.
    pub base: Option<Conditioning>,
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
        Ok(Self {
            base,
            refiner,
            loras: Vec::new(),
            device,
            precision: Cell::default(),
            room: Room::UNLIMITED,
        })
    }

    /// Computes the networks in another precision than f32, the VAE only where its config says that it does not overflow.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        precision.check(&self.device)?;
        self.precision.set(precision);
        Ok(self)
    }

    /// Draws the pictures of a request; once more in f32, and so from then on, if the numbers of a model overflow f16.
    pub async fn generate(
        &self,
        request: &Request,
        inputs: &Inputs,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Image>> {
        self.check(request, inputs)?;
        match self.draw(request, inputs, observer).await {
            Err(Error::NotFinite { .. }) if self.precision.get() == Precision::F16 => {
                self.precision.set(Precision::F32);
                self.draw(request, inputs, observer).await
            }
            drawn => drawn,
        }
    }

    async fn draw(
        &self,
        request: &Request,
        inputs: &Inputs,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Image>> {
        let conditionings = self.encode_text(request, observer).await?;
        let told = [&conditionings.base, &conditionings.refiner];
        let tokens = told.into_iter().flatten().map(|c| c.context.dims()[1]);
        // A long prompt, or another precision, may need more than the request alone told.
        self.check_room(request, tokens.max().unwrap_or_default())?;
        let mut generator = Generator::new(request.seed);
        let start = self
            .encode_inputs(request, inputs, &mut generator, observer)
            .await?;
        let latent = self
            .denoise(request, conditionings, start, &mut generator, observer)
            .await?;
        if observer.keeps_latents() {
            observer.denoised(&Latents::read(latent.clone()).await?);
        }
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
    pub fn check(&self, request: &Request, inputs: &Inputs) -> Result<()> {
        request.check(self.size_multiple())?;
        request.check_inputs(inputs)?;
        self.check_loras(request)?;
        if request.refiner.is_some() && self.refiner.is_none() {
            let (field, problem) = ("refiner", "this model has none; switch it off".into());
            return Err(Error::BadRequest { field, problem });
        }
        self.plan(request, inputs.image.is_some(), inputs.mask.is_some())?;
        self.check_room(request, self.base.tokens())
    }

    fn vae(&self) -> &VaeConfig {
        match &self.base.vae {
            Some(vae) => vae,
            None => unreachable!("a base without a VAE is refused by Pipeline::new"),
        }
    }
}

/// Reads a tensor back, which also waits until the device has computed it.
async fn read(tensor: Tensor<4>) -> Result<Vec<f32>> {
    let failed = |problem: String| Error::Device { problem };
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| failed(error.to_string()))?;
    data.try_into_vec()
        .map_err(|error| failed(error.to_string()))
}
