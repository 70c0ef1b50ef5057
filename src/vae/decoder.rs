use std::slice;

use burn::tensor::{DType, Tensor};

use super::mid::MidBlock;
use super::strips::Strips;
use super::{EPS, Observe, VaeConfig};
use crate::Result;
use crate::nn::{Conv2d, Conv2dConfig, GroupNorm, GroupNormConfig, Resnet, ResnetConfig};
use crate::weights::Scope;

/// Latent to picture.
#[derive(Debug)]
pub struct Decoder {
    post_quant_conv: Conv2d,
    conv_in: Conv2d,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    scaling_factor: f64,
}

#[derive(Debug)]
struct UpBlock {
    resnets: Vec<Resnet>,
    upsampler: Option<Conv2d>,
}

impl VaeConfig {
    /// Whether the decoder takes the tensor of this name.
    pub fn is_of_decoder(name: &str) -> bool {
        name.starts_with("decoder.") || name.starts_with("post_quant_conv.")
    }

    /// Takes the weights of the decoder.
    pub fn init_decoder(&self, weights: &Scope) -> Result<Decoder> {
        let decoder = weights.at("decoder");
        let groups = self.norm_num_groups;
        let widest = self.block_out_channels[self.block_out_channels.len() - 1];
        let mut up_blocks = Vec::new();
        let mut channels = widest;
        for (i, &outputs) in self.block_out_channels.iter().rev().enumerate() {
            let block = decoder.at("up_blocks").at(i);
            let resnets = (0..=self.layers_per_block).map(|j| {
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
            let upsampler = (i + 1 < self.block_out_channels.len())
                .then(|| {
                    Conv2dConfig::same(outputs, outputs, 3).init(&block.at("upsamplers.0.conv"))
                })
                .transpose()?;
            channels = outputs;
            up_blocks.push(UpBlock { resnets, upsampler });
        }
        let latent = self.latent_channels;
        Ok(Decoder {
            post_quant_conv: Conv2dConfig::same(latent, latent, 1)
                .init(&weights.at("post_quant_conv"))?,
            conv_in: Conv2dConfig::same(latent, widest, 3).init(&decoder.at("conv_in"))?,
            mid_block: MidBlock::init(self, widest, &decoder.at("mid_block"))?,
            up_blocks,
            conv_norm_out: GroupNormConfig {
                groups,
                channels,
                eps: EPS,
            }
            .init(&decoder.at("conv_norm_out"))?,
            conv_out: Conv2dConfig::same(channels, self.out_channels, 3)
                .init(&decoder.at("conv_out"))?,
            scaling_factor: self.scaling_factor,
        })
    }
}

impl Decoder {
    /// Computed in the type of `latent`.
    ///
    /// # Shapes
    /// - latent: `[batch, height, width, latent]`, as the UNet leaves it
    /// - output: `[batch, height * scale, width * scale, channels]`, about -1 to 1, in f32
    pub async fn forward(&self, latent: Tensor<4>) -> Result<Tensor<4>> {
        let [_, height, _, _] = latent.dims();
        self.forward_strips(latent, height).await
    }

    /// The same picture, with no larger activations than strips of `rows` rows of the latent need
    /// ([`VaeConfig::rows_per_strip`]). Shapes as of [`Self::forward`].
    pub async fn forward_strips(&self, latent: Tensor<4>, rows: usize) -> Result<Tensor<4>> {
        self.forward_observed(latent, rows, &mut |_, _| ()).await
    }

    /// As [`Self::forward_strips`]; `observe` is shown the output of each part.
    pub async fn forward_observed(
        &self,
        latent: Tensor<4>,
        rows: usize,
        observe: &mut Observe<'_>,
    ) -> Result<Tensor<4>> {
        let x = self.post_quant_conv.forward(latent / self.scaling_factor);
        observe(format_args!("post_quant_conv"), slice::from_ref(&x));
        let x = self.conv_in.forward(x);
        let x = self.mid_block.forward(x, "decoder", observe).await?;
        let mut x = Strips::cut(&x, rows);
        for (i, block) in self.up_blocks.iter().enumerate() {
            for resnet in &block.resnets {
                x = x.resnet(resnet).await?;
            }
            if let Some(conv) = &block.upsampler {
                x = Strips::gather(x.convolve(conv, 2)).await?;
            }
            observe(format_args!("decoder.up_blocks.{i}"), x.as_slice());
            x.give_back_the_rest();
        }
        let picture = x.convolve_normalized(&self.conv_norm_out, &self.conv_out);
        Ok(Strips::gather(picture).await?.join().cast(DType::F32))
    }
}
