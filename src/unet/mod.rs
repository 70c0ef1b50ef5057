//! The denoising network of SDXL's base and refiner [`UNet2DConditionModel`], told apart by config alone.

mod config;
mod embedding;
mod footprint;
mod transformer;

use std::fmt::Arguments;

use burn::tensor::activation::silu;
use burn::tensor::{DType, Device, Tensor};

use crate::Result;
use crate::kernels::breathe;
use crate::nn::{Conv2d, Conv2dConfig, GroupNorm, GroupNormConfig, Resnet, ResnetConfig};
use crate::weights::Scope;

pub use config::{Attention, Level, PerLevel, UNetConfig};
pub use embedding::Sinusoids;
use embedding::TimestepEmbedding;
pub use footprint::Footprint;
pub use transformer::{KeysValues, Transformer, TransformerConfig};

/// Is shown what a part of the network gives: the name of its module in diffusers, and its output
/// `[batch, height, width, channels]`.
pub type Observe<'a> = dyn FnMut(Arguments, &Tensor<4>) + 'a;

/// See [`UNetConfig`].
#[derive(Debug)]
pub struct UNet {
    time_embedding: TimestepEmbedding,
    add_embedding: TimestepEmbedding,
    conv_in: Conv2d,
    down_blocks: Vec<DownBlock>,
    mid_block: MidBlock,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    time_proj: Sinusoids,
    add_time_proj: Sinusoids,
}

/// See [`UNet::context`].
#[derive(Debug, Clone)]
pub struct Context {
    /// Of each layer's transformer, in the order in which they run; none where a layer has no transformer.
    layers: Vec<Vec<KeysValues>>,
}

/// A residual block and the transformer behind it.
#[derive(Debug)]
struct Layer {
    resnet: Resnet,
    attention: Option<Transformer>,
}

#[derive(Debug)]
struct DownBlock {
    layers: Vec<Layer>,
    downsampler: Option<Conv2d>,
}

#[derive(Debug)]
struct MidBlock {
    first: Layer,
    last: Resnet,
}

#[derive(Debug)]
struct UpBlock {
    layers: Vec<Layer>,
    upsampler: Option<Conv2d>,
}

impl UNetConfig {
    /// Takes the weights of the whole network.
    pub fn init(&self, weights: &Scope) -> Result<UNet> {
        let refuse = |(field, problem): config::Fault| weights.bad_config(field, problem);
        let (down, mid, up) = (
            self.down_levels().map_err(refuse)?,
            self.mid_level().map_err(refuse)?,
            self.up_levels().map_err(refuse)?,
        );
        let (narrow, time) = (self.block_out_channels[0], self.time_width());
        let norm_out = GroupNormConfig {
            groups: self.norm_num_groups,
            channels: narrow,
            eps: self.norm_eps,
        };

        // What each layer of the way up is given from the way down, last in, first out.
        let mut skips = vec![narrow];
        let mut down_blocks = Vec::new();
        let mut channels = narrow;
        for (i, level) in down.iter().enumerate() {
            let block = weights.at("down_blocks").at(i);
            let layers =
                self.init_layers(*level, channels, &vec![0; self.layers_per_block], &block)?;
            let halves = i + 1 < down.len();
            let downsampler = halves
                .then(|| {
                    Conv2dConfig::halving(level.channels, [1, 1])
                        .init(&block.at("downsamplers.0.conv"))
                })
                .transpose()?;
            skips.resize(
                skips.len() + self.layers_per_block + usize::from(halves),
                level.channels,
            );
            channels = level.channels;
            down_blocks.push(DownBlock {
                layers,
                downsampler,
            });
        }

        let block = weights.at("mid_block");
        let mid_block = MidBlock {
            first: self.init_layer(0, mid, channels, &block)?,
            last: self
                .resnet(mid.channels, mid.channels)
                .init(&block.at("resnets.1"))?,
        };

        let mut up_blocks = Vec::new();
        for (i, level) in up.iter().enumerate() {
            let block = weights.at("up_blocks").at(i);
            let mut taken = skips.split_off(skips.len() - (self.layers_per_block + 1));
            taken.reverse();
            let layers = self.init_layers(*level, channels, &taken, &block)?;
            let upsampler = (i + 1 < up.len())
                .then(|| {
                    Conv2dConfig::same(level.channels, level.channels, 3)
                        .init(&block.at("upsamplers.0.conv"))
                })
                .transpose()?;
            channels = level.channels;
            up_blocks.push(UpBlock { layers, upsampler });
        }

        Ok(UNet {
            time_embedding: TimestepEmbedding::init(narrow, time, &weights.at("time_embedding"))?,
            add_embedding: TimestepEmbedding::init(
                self.projection_class_embeddings_input_dim,
                time,
                &weights.at("add_embedding"),
            )?,
            conv_in: Conv2dConfig::same(self.in_channels, narrow, 3)
                .init(&weights.at("conv_in"))?,
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out: norm_out.init(&weights.at("conv_norm_out"))?,
            conv_out: Conv2dConfig::same(narrow, self.out_channels, 3)
                .init(&weights.at("conv_out"))?,
            time_proj: self.time_proj(),
            add_time_proj: self.add_time_proj(),
        })
    }

    /// One layer for each entry of `skips`, the channels that are joined to its input.
    fn init_layers(
        &self,
        level: Level,
        inputs: usize,
        skips: &[usize],
        block: &Scope,
    ) -> Result<Vec<Layer>> {
        let layer = |(i, skip): (usize, &usize)| {
            let inputs = if i == 0 { inputs } else { level.channels };
            self.init_layer(i, level, inputs + skip, block)
        };
        skips.iter().enumerate().map(layer).collect()
    }

    fn init_layer(
        &self,
        index: usize,
        level: Level,
        inputs: usize,
        block: &Scope,
    ) -> Result<Layer> {
        let transformer = |attention| TransformerConfig {
            channels: level.channels,
            attention,
            context: self.cross_attention_dim,
            groups: self.norm_num_groups,
        };
        Ok(Layer {
            resnet: self
                .resnet(inputs, level.channels)
                .init(&block.at("resnets").at(index))?,
            attention: level
                .attention
                .map(|attention| transformer(attention).init(&block.at("attentions").at(index)))
                .transpose()?,
        })
    }

    fn resnet(&self, inputs: usize, outputs: usize) -> ResnetConfig {
        ResnetConfig {
            inputs,
            outputs,
            time: Some(self.time_width()),
            groups: self.norm_num_groups,
            eps: self.norm_eps,
        }
    }
}

impl UNet {
    /// The embedding of pooled text and size ids, the same for every step of a picture [`get_aug_embed`].
    ///
    /// # Shapes
    /// - pooled: `[batch, pooled]`
    /// - time_ids: one list of ids for each of the batch
    /// - output: `[batch, time]`
    pub fn embed_added(
        &self,
        pooled: Tensor<2>,
        time_ids: &[Vec<f32>],
        device: &Device,
    ) -> Tensor<2> {
        let [batch, _] = pooled.dims();
        let ids = self.add_time_proj.tensor(&time_ids.concat(), device);
        let [numbers, width] = ids.dims();
        let ids = ids.reshape([batch, numbers / batch * width]);
        self.add_embedding
            .forward(Tensor::cat(vec![pooled, ids], 1))
    }

    /// The embedding of timesteps [`get_time_embed`].
    ///
    /// # Shapes
    /// - output: `[timesteps, time]`
    pub fn embed_time(&self, timesteps: &[f32], device: &Device) -> Tensor<2> {
        let sinusoids = self.time_proj.tensor(timesteps, device);
        self.time_embedding.forward(sinusoids)
    }

    /// What the transformers see of the text, the same for every step of a picture.
    ///
    /// # Shapes
    /// - context: `[batch, tokens, context]`
    pub fn context(&self, context: &Tensor<3>) -> Context {
        let down = self.down_blocks.iter().flat_map(|block| &block.layers);
        let up = self.up_blocks.iter().flat_map(|block| &block.layers);
        let layers = down.chain([&self.mid_block.first]).chain(up);
        let of = |layer: &Layer| {
            let transformer = layer.attention.as_ref();
            transformer.map_or_else(Vec::new, |transformer| transformer.keys_values(context))
        };
        Context {
            layers: layers.map(of).collect(),
        }
    }

    /// The noise in `x` at a timestep, computed in the type of `x`. What is the same for all pixels, time and sizes, is
    /// computed in f32 until then, and the noise is f32 again.
    ///
    /// # Shapes
    /// - x, output: `[batch, height, width, latent]`
    /// - context: from [`Self::context`], in the type of `x`
    /// - added: `[batch, time]`, from [`Self::embed_added`]
    pub async fn forward(
        &self,
        x: Tensor<4>,
        timestep: f32,
        context: &Context,
        added: &Tensor<2>,
    ) -> Result<Tensor<4>> {
        self.forward_observed(x, timestep, context, added, &mut |_, _| ())
            .await
    }

    /// As [`Self::forward`]; `observe` is shown the output of each part. `conv_norm_out` is only shown after its SiLU, which
    /// diffusers calls `conv_act`.
    pub async fn forward_observed(
        &self,
        x: Tensor<4>,
        timestep: f32,
        context: &Context,
        added: &Tensor<2>,
        observe: &mut Observe<'_>,
    ) -> Result<Tensor<4>> {
        // 1. time and sizes; every residual block starts from the SiLU of their sum
        let time = silu(added.clone() + self.embed_time(&[timestep], &x.device()));
        let mut texts = context.layers.iter();
        let mut text = || texts.next().map_or(&[][..], Vec::as_slice);

        // 2. down
        let mut x = self.conv_in.forward(x);
        observe(format_args!("conv_in"), &x);
        let mut skips = vec![x.clone()];
        for (i, block) in self.down_blocks.iter().enumerate() {
            for (j, layer) in block.layers.iter().enumerate() {
                let mut observe = |part: &str, x: &_| {
                    observe(format_args!("down_blocks.{i}.{part}.{j}"), x);
                };
                x = layer.forward(x, &time, text(), &mut observe).await?;
                skips.push(x.clone());
            }
            if let Some(conv) = &block.downsampler {
                x = conv.forward(x);
                skips.push(x.clone());
            }
            observe(format_args!("down_blocks.{i}"), &x);
        }

        // 3. middle
        let mut observe_first = |part: &str, x: &_| {
            observe(format_args!("mid_block.{part}.0"), x);
        };
        let first = &self.mid_block.first;
        x = first.forward(x, &time, text(), &mut observe_first).await?;
        x = self.mid_block.last.forward(x, Some(&time));
        observe(format_args!("mid_block"), &x);

        // 4. up
        for (i, block) in self.up_blocks.iter().enumerate() {
            let taken = skips.split_off(skips.len() - block.layers.len());
            let layers = block.layers.iter().zip(taken.into_iter().rev());
            for (j, (layer, skip)) in layers.enumerate() {
                x = Tensor::cat(vec![x, skip], 3);
                let mut observe = |part: &str, x: &_| {
                    observe(format_args!("up_blocks.{i}.{part}.{j}"), x);
                };
                x = layer.forward(x, &time, text(), &mut observe).await?;
            }
            if let Some(conv) = &block.upsampler {
                // To the size of the skip that comes next, which for odd sizes is not twice this one.
                let size = skips
                    .last()
                    .map_or([0; 2], |skip| [skip.dims()[1], skip.dims()[2]]);
                x = conv.forward_resized(x, size);
            }
            observe(format_args!("up_blocks.{i}"), &x);
        }

        // 5. out
        let x = self.conv_norm_out.forward_silu(x);
        observe(format_args!("conv_act"), &x);
        Ok(self.conv_out.forward(x).cast(DType::F32))
    }
}

impl Layer {
    async fn forward(
        &self,
        x: Tensor<4>,
        time: &Tensor<2>,
        text: &[KeysValues],
        observe: &mut dyn FnMut(&str, &Tensor<4>),
    ) -> Result<Tensor<4>> {
        let mut x = self.resnet.forward(x, Some(time));
        observe("resnets", &x);
        breathe(&x).await?;
        if let Some(transformer) = &self.attention {
            x = transformer.forward(x, text).await?;
            observe("attentions", &x);
        }
        Ok(x)
    }
}
