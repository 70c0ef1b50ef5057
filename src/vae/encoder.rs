use burn::tensor::Tensor;

use super::mid::MidBlock;
use super::{EPS, VaeConfig};
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
    /// Mean and logarithm of the variance: `[batch, height, width, 2 * latent]`.
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
    /// # Shapes
    /// - picture: `[batch, height, width, channels]`, -1 to 1, sides multiples of the scale
    pub fn forward(&self, picture: Tensor<4>) -> LatentDistribution {
        let mut x = self.conv_in.forward(picture);
        for block in &self.down_blocks {
            for resnet in &block.resnets {
                x = resnet.forward(x, None);
            }
            if let Some(conv) = &block.downsampler {
                x = conv.forward(x);
            }
        }
        let x = self.conv_norm_out.forward_silu(self.mid_block.forward(x));
        let moments = self.quant_conv.forward(self.conv_out.forward(x));
        LatentDistribution {
            moments,
            scaling_factor: self.scaling_factor,
        }
    }
}

impl LatentDistribution {
    /// The latent, as the UNet takes it, for given standard normal noise of its shape [`DiagonalGaussianDistribution`].
    pub fn sample(&self, noise: Tensor<4>) -> Tensor<4> {
        let [_, _, _, channels] = self.moments.dims();
        let mean = self.moments.clone().narrow(3, 0, channels / 2);
        let log_variance = self
            .moments
            .clone()
            .narrow(3, channels / 2, channels / 2)
            .clamp(-30.0, 20.0);
        (mean + (log_variance * 0.5).exp() * noise) * self.scaling_factor
    }
}
