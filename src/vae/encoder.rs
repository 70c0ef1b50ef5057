use burn::tensor::{DType, Tensor};

use super::mid::MidBlock;
use super::strips::Strips;
use super::{EPS, Observe, VaeConfig};
use crate::Result;
use crate::nn::{Conv2d, Conv2dConfig, GroupNorm, GroupNormConfig, Resnet, ResnetConfig};
use crate::weights::Scope;

/// Picture to latent.
#[derive(Debug)]
pub struct Encoder {
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    quant_conv: Conv2d,
    scaling_factor: f64,
}

/// The distribution of latents that a picture is encoded to.
#[derive(Debug, Clone)]
pub struct LatentDistribution {
    /// Mean and logarithm of the variance, in f32: `[batch, height, width, 2 * latent]`.
    pub moments: Tensor<4>,
    scaling_factor: f64,
}

#[derive(Debug)]
struct DownBlock {
    resnets: Vec<Resnet>,
    downsampler: Option<Conv2d>,
}

impl VaeConfig {
    /// Whether the encoder takes the tensor of this name.
    pub fn is_of_encoder(name: &str) -> bool {
        name.starts_with("encoder.") || name.starts_with("quant_conv.")
    }

    /// Takes the weights of the encoder.
    pub fn init_encoder(&self, weights: &Scope) -> Result<Encoder> {
        let encoder = weights.at("encoder");
        let groups = self.norm_num_groups;
        let mut down_blocks = Vec::new();
        let mut channels = self.block_out_channels[0];
        for (i, &outputs) in self.block_out_channels.iter().enumerate() {
            let block = encoder.at("down_blocks").at(i);
            let resnets = (0..self.layers_per_block).map(|j| {
                let inputs = if j == 0 { channels } else { outputs };
                ResnetConfig {
                    inputs,
                    outputs,
                    time: None,
                    groups,
                    eps: EPS,
                }
                .init(&block.at("resnets").at(j))
            });
            let resnets = resnets.collect::<Result<_>>()?;
            // Pads below and to the right only, unlike the UNet's [`Downsample2D.forward`].
            let downsampler = (i + 1 < self.block_out_channels.len())
                .then(|| {
                    Conv2dConfig::halving(outputs, [0, 1]).init(&block.at("downsamplers.0.conv"))
                })
                .transpose()?;
            channels = outputs;
            down_blocks.push(DownBlock {
                resnets,
                downsampler,
            });
        }
        let moments = 2 * self.latent_channels;
        Ok(Encoder {
            conv_in: Conv2dConfig::same(self.in_channels, self.block_out_channels[0], 3)
                .init(&encoder.at("conv_in"))?,
            down_blocks,
            mid_block: MidBlock::init(self, channels, &encoder.at("mid_block"))?,
            conv_norm_out: GroupNormConfig {
                groups,
                channels,
                eps: EPS,
            }
            .init(&encoder.at("conv_norm_out"))?,
            conv_out: Conv2dConfig::same(channels, moments, 3).init(&encoder.at("conv_out"))?,
            quant_conv: Conv2dConfig::same(moments, moments, 1).init(&weights.at("quant_conv"))?,
            scaling_factor: self.scaling_factor,
        })
    }
}

impl Encoder {
    /// Computed in the type of `picture`.
    ///
    /// # Shapes
    /// - picture: `[batch, height, width, channels]`, -1 to 1, sides multiples of the scale
    pub async fn forward(&self, picture: Tensor<4>) -> Result<LatentDistribution> {
        let [_, height, _, _] = picture.dims();
        self.forward_strips(picture, height).await
    }

    /// The same distribution, with no larger activations than strips of `rows` rows of the latent need
    /// ([`VaeConfig::rows_per_strip`]). Shapes as of [`Self::forward`].
    pub async fn forward_strips(
        &self,
        picture: Tensor<4>,
        rows: usize,
    ) -> Result<LatentDistribution> {
        self.forward_observed(picture, rows, &mut |_, _| ()).await
    }

    /// As [`Self::forward_strips`]; `observe` is shown the output of each part.
    pub async fn forward_observed(
        &self,
        picture: Tensor<4>,
        rows: usize,
        observe: &mut Observe<'_>,
    ) -> Result<LatentDistribution> {
        let scale = 1 << (self.down_blocks.len() - 1);
        let picture = Strips::cut(&picture, rows * scale);
        let mut x = Strips::gather(picture.convolve(&self.conv_in, 1)).await?;
        for (i, block) in self.down_blocks.iter().enumerate() {
            for resnet in &block.resnets {
                x = x.resnet(resnet).await?;
            }
            if let Some(conv) = &block.downsampler {
                x = Strips::gather(x.convolve(conv, 1)).await?;
            }
            observe(format_args!("encoder.down_blocks.{i}"), x.as_slice());
        }
        let x = self.mid_block.forward(x.join(), "encoder", observe).await?;
        let x = self.conv_out.forward(self.conv_norm_out.forward_silu(x));
        Ok(LatentDistribution {
            moments: self.quant_conv.forward(x).cast(DType::F32),
            scaling_factor: self.scaling_factor,
        })
    }
}

impl LatentDistribution {
    /// `[batch, height, width, latent]`, in the VAE's own scale.
    pub fn mean(&self) -> Tensor<4> {
        let [_, _, _, channels] = self.moments.dims();
        self.moments.clone().narrow(3, 0, channels / 2)
    }

    /// Logarithm of the variance, within the bounds that diffusers sets [`DiagonalGaussianDistribution`]; shape as the mean's.
    pub fn log_variance(&self) -> Tensor<4> {
        let [_, _, _, channels] = self.moments.dims();
        let log_variance = self.moments.clone().narrow(3, channels / 2, channels / 2);
        log_variance.clamp(-30.0, 20.0)
    }

    /// The latent, as the UNet takes it, for given standard normal noise of its shape.
    pub fn sample(&self, noise: Tensor<4>) -> Tensor<4> {
        let deviation = (self.log_variance() * 0.5).exp();
        (self.mean() + deviation * noise) * self.scaling_factor
    }

    /// The latent without noise, as the UNet takes it.
    pub fn mode(&self) -> Tensor<4> {
        self.mean() * self.scaling_factor
    }
}
