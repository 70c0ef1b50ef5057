//! Between pictures and latents: the VAE's two halves, each resident for as long as it is used.

use burn::tensor::{Tensor, TensorData};

use super::progress::{check_cancelled, unless_cancelled};
use super::{Event, Observer, Pipeline, Stage, read};
use crate::image::Image;
use crate::noise::Generator;
use crate::request::{Inputs, Request};
use crate::vae::{Decoder, VaeConfig};
use crate::weights::source::ShardSource;
use crate::weights::{ComponentName, Resident, Scope};
use crate::{Error, Precision, Result};

/// The latents that a run starts from.
#[derive(Debug, Clone, Default)]
pub struct StartLatents {
    /// Of the picture: `[1, height / scale, width / scale, latent]`.
    pub image: Option<Tensor<4>>,
    /// 1 where the latent is redrawn, else 0: `[1, height / scale, width / scale, 1]`.
    pub mask: Option<Tensor<4>>,
}

/// Latents of finished pictures, as plain numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Latents {
    /// Images, height, width, channels.
    pub shape: [usize; 4],
    /// Row by row, the channels innermost.
    pub values: Vec<f32>,
}

impl Latents {
    pub(super) async fn read(latents: Tensor<4>) -> Result<Self> {
        let shape = latents.dims();
        let values = read(latents).await?;
        Ok(Self { shape, values })
    }
}

impl<S: ShardSource> Pipeline<S> {
    /// Encodes the pictures of a request; draws the noise of the VAE's distribution first, as diffusers does.
    pub async fn encode_inputs(
        &self,
        request: &Request,
        inputs: &Inputs,
        generator: &mut Generator,
        observer: &mut dyn Observer,
    ) -> Result<StartLatents> {
        let Some(image) = &inputs.image else {
            return Ok(StartLatents::default());
        };
        observer.event(Event::Stage {
            stage: Stage::Encode,
        });
        let noise = self.noise(request, 1, generator);
        let config = self.vae();
        let init = |weights: &Scope| config.init_encoder(weights);
        let wanted = VaeConfig::is_of_encoder;
        let encoder = self
            .base
            .load(ComponentName::Vae, &self.device, observer, wanted, init)
            .await?;
        let values = TensorData::new(image.to_encode(), [1, image.height, image.width, 3]);
        let picture = Tensor::from_data(values, &self.device);
        let rows = self.rows_per_strip([image.height, image.width])?;
        let encode = async |picture| {
            let distribution = encoder.forward_strips(picture, rows).await?;
            Ok(distribution.sample(noise.clone()))
        };
        let latent = unless_cancelled(observer, self.without_overflow(picture, encode)).await?;
        let mask = inputs.mask.as_ref().map(|mask| {
            let [_, height, width, _] = latent.dims();
            let values = TensorData::new(mask.shrunk(self.size_multiple()), [1, height, width, 1]);
            Tensor::from_data(values, &self.device)
        });
        Ok(StartLatents {
            image: Some(latent),
            mask,
        })
    }

    /// Decodes what an observer was given ([`Observer::denoised`]).
    pub async fn decode_again(
        &self,
        latents: &Latents,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Image>> {
        let Latents { shape, values } = latents;
        let refuse = |problem: String| {
            let field = "latents";
            Err(Error::BadRequest { field, problem })
        };
        let [images, height, width, channels] = *shape;
        let wanted = self.vae().latent_channels;
        if channels != wanted {
            return refuse(format!("have {channels} channels, this model's {wanted}"));
        }
        let request = Request {
            images,
            height: height.saturating_mul(self.size_multiple()),
            width: width.saturating_mul(self.size_multiple()),
            ..Request::default()
        };
        request.check(self.size_multiple())?;
        let count = shape.iter().product::<usize>();
        if values.len() != count {
            return refuse(format!(
                "are {} numbers, {shape:?} needs {count}",
                values.len()
            ));
        }
        if !values.iter().all(|value| value.is_finite()) {
            return refuse("are not all finite".into());
        }
        let latent = TensorData::new(values.clone(), *shape);
        self.decode(Tensor::from_data(latent, &self.device), observer)
            .await
    }

    /// Latents to pictures, one after the other.
    ///
    /// # Shapes
    /// - latent: `[images, height / scale, width / scale, latent]`
    pub async fn decode(
        &self,
        latent: Tensor<4>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Image>> {
        observer.event(Event::Stage {
            stage: Stage::Decode,
        });
        check_cancelled(observer)?;
        let config = self.vae();
        let init = |weights: &Scope| config.init_decoder(weights);
        let wanted = VaeConfig::is_of_decoder;
        let decoder: Resident<Decoder> = self
            .base
            .load(ComponentName::Vae, &self.device, observer, wanted, init)
            .await?;
        let [count, height, width, _] = latent.dims();
        let rows = self.rows_per_strip([height, width].map(|side| side * self.size_multiple()))?;
        let mut images = Vec::new();
        for index in 0..count {
            let one = latent.clone().narrow(0, index, 1);
            let decode = async |latent| decoder.forward_strips(latent, rows).await;
            let picture = unless_cancelled(observer, self.without_overflow(one, decode)).await?;
            let [_, height, width, _] = picture.dims();
            images.push(Image::from_decoded(&read(picture).await?, height, width)?);
        }
        Ok(images)
    }

    /// What half of the VAE makes of `x`: in f16 where both the pipeline and the VAE's config allow it and every value
    /// comes out finite, else in f32.
    async fn without_overflow(
        &self,
        x: Tensor<4>,
        half: impl AsyncFn(Tensor<4>) -> Result<Tensor<4>>,
    ) -> Result<Tensor<4>> {
        if self.precision.get() == Precision::F16 && !self.vae().force_upcast {
            let y = half(x.clone().cast(self.precision.get().dtype())).await?;
            if read(y.clone()).await?.iter().all(|value| value.is_finite()) {
                return Ok(y);
            }
        }
        half(x).await
    }

    /// Standard normal noise for so many latents, drawn in diffusers' order: channels first.
    pub(super) fn noise(
        &self,
        request: &Request,
        images: usize,
        generator: &mut Generator,
    ) -> Tensor<4> {
        let [height, width] =
            [request.height, request.width].map(|side| side / self.size_multiple());
        let shape = [images, self.base.unet.in_channels, height, width];
        let values = generator.normal(shape.iter().product());
        Tensor::<4>::from_data(TensorData::new(values, shape), &self.device).permute([0, 2, 3, 1])
    }
}
