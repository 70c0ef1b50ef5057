use burn::tensor::Tensor;

use super::config::Attention;
use crate::Result;
use crate::kernels::{attention, breathe};
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

/// What an attention sees: `[batch, tokens, channels]` each.
#[derive(Debug, Clone)]
pub struct KeysValues {
    keys: Tensor<3>,
    values: Tensor<3>,
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
    /// Keys and values of the text for each block, which are the same in every step.
    ///
    /// # Shapes
    /// - context: `[batch, tokens, context]`
    pub fn keys_values(&self, context: &Tensor<3>) -> Vec<KeysValues> {
        let of = |block: &Block| block.attn2.keys_values(context);
        self.transformer_blocks.iter().map(of).collect()
    }

    /// # Shapes
    /// - x, output: `[batch, height, width, channels]`
    /// - text: of [`Self::keys_values`]
    pub async fn forward(&self, x: Tensor<4>, text: &[KeysValues]) -> Result<Tensor<4>> {
        self.forward_observed(x, text, &mut |_, _| ()).await
    }

    /// As [`Self::forward`]; `observe` is shown the output of each block, by number, as `[batch, height * width, channels]`.
    pub async fn forward_observed(
        &self,
        x: Tensor<4>,
        text: &[KeysValues],
        observe: &mut dyn FnMut(usize, &Tensor<3>),
    ) -> Result<Tensor<4>> {
        let [batch, height, width, channels] = x.dims();
        let flat = [batch, height * width, channels];
        let tokens = self.norm.forward(x.clone()).reshape(flat);
        let mut tokens = self.proj_in.forward(tokens);
        for (i, (block, text)) in self.transformer_blocks.iter().zip(text).enumerate() {
            tokens = block.forward(tokens, text);
            breathe(&tokens).await?;
            observe(i, &tokens);
        }
        let y = self.proj_out.forward_add(tokens, x.reshape(flat));
        Ok(y.reshape([batch, height, width, channels]))
    }
}

impl Block {
    /// # Shapes
    /// - x, output: `[batch, tokens, channels]`
    fn forward(&self, x: Tensor<3>, text: &KeysValues) -> Tensor<3> {
        let h = self.norm1.forward(x.clone());
        let own = self.attn1.keys_values(&h);
        let x = self.attn1.forward_add(h, &own, x);
        let x = self
            .attn2
            .forward_add(self.norm2.forward(x.clone()), text, x);
        let h = self.ff_in.forward_geglu(self.norm3.forward(x.clone()));
        self.ff_out.forward_add(h, x)
    }
}

impl CrossAttention {
    fn keys_values(&self, context: &Tensor<3>) -> KeysValues {
        KeysValues {
            keys: self.to_k.forward(context.clone()),
            values: self.to_v.forward(context.clone()),
        }
    }

    /// What `x` sees of the keys and values, plus `residual`.
    fn forward_add(&self, x: Tensor<3>, seen: &KeysValues, residual: Tensor<3>) -> Tensor<3> {
        let KeysValues { keys, values } = seen.clone();
        let y = attention(self.to_q.forward(x), keys, values, self.heads, false);
        self.to_out.forward_add(y, residual)
    }
}
