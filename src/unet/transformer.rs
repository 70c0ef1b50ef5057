use burn::tensor::Tensor;

use super::config::Attention;
use crate::Result;
use crate::kernels::{attention, geglu};
use crate::nn::{GroupNorm, GroupNormConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use crate::weights::Scope;

/// Epsilon of the GroupNorm before a transformer; unlike the residual blocks', no field of the config [`Transformer2DModel`].
const GROUP_NORM_EPS: f64 = 1e-6;
/// Epsilon of every LayerNorm [`BasicTransformerBlock`].
const LAYER_NORM_EPS: f64 = 1e-5;
/// Width of the feed-forward network, in widths of the block [`FeedForward`].
const FEED_FORWARD: usize = 4;

/// A transformer over the pixels of a picture, with the text as context [`Transformer2DModel`].
#[derive(Debug, Clone)]
pub struct TransformerConfig {
    /// Width.
    pub channels: usize,
    /// Depth and heads.
    pub attention: Attention,
    /// Width of the context.
    pub context: usize,
    /// Groups of the norm.
    pub groups: usize,
}

/// See [`TransformerConfig`].
#[derive(Debug)]
pub struct Transformer {
    norm: GroupNorm,
    proj_in: Linear,
    transformer_blocks: Vec<Block>,
    proj_out: Linear,
}

#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    attn1: CrossAttention,
    norm2: LayerNorm,
    attn2: CrossAttention,
    norm3: LayerNorm,
    ff_in: Linear,
    ff_out: Linear,
}

#[derive(Debug)]
struct CrossAttention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

impl TransformerConfig {
    /// Takes the weights of the norm, both projections and every block.
    pub fn init(&self, weights: &Scope) -> Result<Transformer> {
        let channels = self.channels;
        let norm = GroupNormConfig {
            groups: self.groups,
            channels,
            eps: GROUP_NORM_EPS,
        };
        let square = LinearConfig::new(channels, channels);
        let blocks = weights.at("transformer_blocks");
        Ok(Transformer {
            norm: norm.init(&weights.at("norm"))?,
            proj_in: square.init(&weights.at("proj_in"))?,
            transformer_blocks: (0..self.attention.layers)
                .map(|i| self.init_block(&blocks.at(i)))
                .collect::<Result<_>>()?,
            proj_out: square.init(&weights.at("proj_out"))?,
        })
    }

    fn init_block(&self, weights: &Scope) -> Result<Block> {
        let channels = self.channels;
        let norm = LayerNormConfig {
            width: channels,
            eps: LAYER_NORM_EPS,
        };
        let inner = channels * FEED_FORWARD;
        Ok(Block {
            norm1: norm.init(&weights.at("norm1"))?,
            attn1: self.init_attention(channels, &weights.at("attn1"))?,
            norm2: norm.init(&weights.at("norm2"))?,
            attn2: self.init_attention(self.context, &weights.at("attn2"))?,
            norm3: norm.init(&weights.at("norm3"))?,
            ff_in: LinearConfig::new(channels, 2 * inner).init(&weights.at("ff.net.0.proj"))?,
            ff_out: LinearConfig::new(inner, channels).init(&weights.at("ff.net.2"))?,
        })
    }

    fn init_attention(&self, context: usize, weights: &Scope) -> Result<CrossAttention> {
        let channels = self.channels;
        Ok(CrossAttention {
            to_q: LinearConfig::without_bias(channels, channels).init(&weights.at("to_q"))?,
            to_k: LinearConfig::without_bias(context, channels).init(&weights.at("to_k"))?,
            to_v: LinearConfig::without_bias(context, channels).init(&weights.at("to_v"))?,
            to_out: LinearConfig::new(channels, channels).init(&weights.at("to_out.0"))?,
            heads: self.attention.heads,
        })
    }
}

impl Transformer {
    /// # Shapes
    /// - x, output: `[batch, height, width, channels]`
    /// - context: `[batch, tokens, context]`
    pub fn forward(&self, x: Tensor<4>, context: &Tensor<3>) -> Tensor<4> {
        self.forward_observed(x, context, &mut |_, _| ())
    }

    /// As [`Self::forward`]; `observe` is shown the output of each block, by number, as `[batch, height * width, channels]`.
    pub fn forward_observed(
        &self,
        x: Tensor<4>,
        context: &Tensor<3>,
        observe: &mut dyn FnMut(usize, &Tensor<3>),
    ) -> Tensor<4> {
        let [batch, height, width, channels] = x.dims();
        let tokens = self
            .norm
            .forward(x.clone())
            .reshape([batch, height * width, channels]);
        let mut tokens = self.proj_in.forward(tokens);
        for (i, block) in self.transformer_blocks.iter().enumerate() {
            tokens = block.forward(tokens, context);
            observe(i, &tokens);
        }
        self.proj_out
            .forward(tokens)
            .reshape([batch, height, width, channels])
            + x
    }
}

impl Block {
    /// # Shapes
    /// - x, output: `[batch, tokens, channels]`
    fn forward(&self, x: Tensor<3>, context: &Tensor<3>) -> Tensor<3> {
        let h = self.norm1.forward(x.clone());
        let x = x + self.attn1.forward(h.clone(), h);
        let x = x.clone() + self.attn2.forward(self.norm2.forward(x), context.clone());
        let h = self.ff_in.forward(self.norm3.forward(x.clone()));
        x + self.ff_out.forward(geglu(h))
    }
}

impl CrossAttention {
    fn forward(&self, x: Tensor<3>, context: Tensor<3>) -> Tensor<3> {
        let q = self.to_q.forward(x);
        let k = self.to_k.forward(context.clone());
        let v = self.to_v.forward(context);
        self.to_out.forward(attention(q, k, v, self.heads, false))
    }
}
