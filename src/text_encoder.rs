//! The CLIP text transformer: CLIP ViT-L (encoder 1) and OpenCLIP ViT-bigG (encoder 2) of SDXL, told apart by config alone.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use burn::tensor::activation::{gelu, sigmoid};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use serde::Deserialize;

use crate::kernels::{attention, breathe};
use crate::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use crate::weights::Scope;
use crate::{Precision, Result};

/// `config.json` of a `CLIPTextModel` or `CLIPTextModelWithProjection`.
#[derive(Debug, Clone, Deserialize)]
pub struct TextEncoderConfig {
    /// Names the class, and by it whether there is a projection.
    pub architectures: Vec<String>,
    /// Number of tokens known.
    pub vocab_size: usize,
    /// Width of the model.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Depth.
    pub num_hidden_layers: usize,
    /// Heads of attention.
    pub num_attention_heads: usize,
    /// Longest sequence.
    pub max_position_embeddings: usize,
    /// Width of the pooled output.
    pub projection_dim: usize,
    /// Nonlinearity of the MLP.
    pub hidden_act: Activation,
    /// Epsilon of every norm.
    pub layer_norm_eps: f64,
    /// End token; see [`pooled_position`].
    pub eos_token_id: u32,
}

/// Nonlinearities of CLIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * sigmoid(1.702 x)`
    QuickGelu,
    /// The exact one, by the error function.
    Gelu,
}

/// See [`TextEncoderConfig`].
#[derive(Debug)]
pub struct TextEncoder {
    token_embedding: Embedding,
    position_embedding: Embedding,
    layers: Vec<Layer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    config: TextEncoderConfig,
}

/// Tokens to encode, and how deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextInput {
    /// As many as in every other input of the batch.
    pub ids: Vec<u32>,
    /// Layers left out on top of the last one, which SDXL always leaves out; see [`TextEncoderConfig::most_clip_skip`].
    pub clip_skip: usize,
}

/// What a [`TextEncoder`] makes of an input.
#[derive(Debug, Clone)]
pub struct TextEncoding {
    /// Output of the layer that was asked for, without the final norm: `[1, tokens, hidden]`.
    pub states: Tensor<3>,
    /// Projection of the final state at the end token, where there is one: `[1, projection]`.
    pub pooled: Option<Tensor<2>>,
}

#[derive(Debug)]
struct Layer {
    layer_norm1: LayerNorm,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
    activation: Activation,
}

impl TextEncoderConfig {
    /// The largest [`TextInput::clip_skip`]: with it, no layer is left.
    pub fn most_clip_skip(&self) -> usize {
        self.num_hidden_layers.saturating_sub(1)
    }

    /// Takes the weights of the whole encoder.
    pub fn init(&self, weights: &Scope) -> Result<TextEncoder> {
        let text_model = weights.at("text_model");
        let embeddings = text_model.at("embeddings");
        let table = |count| EmbeddingConfig {
            count,
            width: self.hidden_size,
        };
        let layers = text_model.at("encoder.layers");
        if self.num_hidden_layers == 0 {
            return Err(weights.bad_config("num_hidden_layers", "must be at least 1"));
        }
        let projects = self
            .architectures
            .iter()
            .any(|name| name == "CLIPTextModelWithProjection");
        Ok(TextEncoder {
            token_embedding: table(self.vocab_size).init(&embeddings.at("token_embedding"))?,
            position_embedding: table(self.max_position_embeddings)
                .init(&embeddings.at("position_embedding"))?,
            layers: (0..self.num_hidden_layers)
                .map(|i| self.init_layer(&layers.at(i)))
                .collect::<Result<_>>()?,
            final_layer_norm: self.norm().init(&text_model.at("final_layer_norm"))?,
            text_projection: projects
                .then(|| {
                    LinearConfig::without_bias(self.hidden_size, self.projection_dim)
                        .init(&weights.at("text_projection"))
                })
                .transpose()?,
            config: self.clone(),
        })
    }

    fn norm(&self) -> LayerNormConfig {
        LayerNormConfig {
            width: self.hidden_size,
            eps: self.layer_norm_eps,
        }
    }

    fn init_layer(&self, weights: &Scope) -> Result<Layer> {
        let attn = weights.at("self_attn");
        let mlp = weights.at("mlp");
        let square =
            |name| LinearConfig::new(self.hidden_size, self.hidden_size).init(&attn.at(name));
        Ok(Layer {
            layer_norm1: self.norm().init(&weights.at("layer_norm1"))?,
            q_proj: square("q_proj")?,
            k_proj: square("k_proj")?,
            v_proj: square("v_proj")?,
            out_proj: square("out_proj")?,
            layer_norm2: self.norm().init(&weights.at("layer_norm2"))?,
            fc1: LinearConfig::new(self.hidden_size, self.intermediate_size)
                .init(&mlp.at("fc1"))?,
            fc2: LinearConfig::new(self.intermediate_size, self.hidden_size)
                .init(&mlp.at("fc2"))?,
            heads: self.num_attention_heads,
            activation: self.hidden_act,
        })
    }
}

impl TextEncoder {
    /// Encodes inputs of equal length in tokens, no deeper than they ask for. The encodings are f32.
    pub async fn forward(
        &self,
        inputs: &[TextInput],
        precision: Precision,
        device: &Device,
    ) -> Result<Vec<TextEncoding>> {
        let ids: Vec<Vec<u32>> = inputs.iter().map(|input| input.ids.clone()).collect();
        let depth = |input: &TextInput| self.config.most_clip_skip() - input.clip_skip;
        let last = self.text_projection.as_ref().map(|_| self.layers.len());
        let wanted: BTreeSet<usize> = inputs.iter().map(depth).chain(last).collect();
        let deepest = wanted.last().copied().unwrap_or_default();
        let all = self.hidden_states(&ids, precision, device);
        let mut states = BTreeMap::new();
        for (depth, state) in all.enumerate().take(deepest + 1) {
            breathe(&state).await?;
            if wanted.contains(&depth) {
                states.insert(depth, state);
            }
        }
        let last = last.map(|last| self.last_hidden_state(states[&last].clone()));
        let pooled = last.and_then(|last| self.pooled(last, &ids));
        let rows = inputs.iter().enumerate();
        let encodings = rows.map(|(row, input)| TextEncoding {
            states: states[&depth(input)]
                .clone()
                .narrow(0, row, 1)
                .cast(DType::F32),
            pooled: pooled
                .clone()
                .map(|pooled| pooled.narrow(0, row, 1).cast(DType::F32)),
        });
        Ok(encodings.collect())
    }

    /// The embeddings, and then the output of each layer, computed as they are taken: `hidden_states` of transformers.
    ///
    /// # Shapes
    /// - ids: token ids, rows of equal length
    /// - output: `[batch, tokens, hidden]`, one more than there are layers
    pub fn hidden_states(
        &self,
        ids: &[Vec<u32>],
        precision: Precision,
        device: &Device,
    ) -> impl Iterator<Item = Tensor<3>> {
        let (batch, tokens) = (ids.len(), ids.first().map_or(0, Vec::len));
        let positions: Vec<u32> = (0..batch).flat_map(|_| 0..tokens as u32).collect();
        let embedded = (self
            .token_embedding
            .forward(id_tensor(ids.concat(), device))
            + self
                .position_embedding
                .forward(id_tensor(positions, device)))
        .reshape([batch, tokens, self.config.hidden_size])
        .cast(precision.dtype());

        let layers = self.layers.iter().scan(embedded.clone(), |x, layer| {
            *x = layer.forward(x.clone());
            Some(x.clone())
        });
        iter::once(embedded).chain(layers)
    }

    /// The final norm of the last layer's output.
    ///
    /// # Shapes
    /// - hidden_state, output: `[batch, tokens, hidden]`
    pub fn last_hidden_state(&self, hidden_state: Tensor<3>) -> Tensor<3> {
        self.final_layer_norm.forward(hidden_state)
    }

    /// The projection of each row's state at its end token, where there is one.
    ///
    /// # Shapes
    /// - last_hidden_state: `[batch, tokens, hidden]`
    /// - output: `[batch, projection]`
    pub fn pooled(&self, last_hidden_state: Tensor<3>, ids: &[Vec<u32>]) -> Option<Tensor<2>> {
        let projection = self.text_projection.as_ref()?;
        let width = self.config.hidden_size;
        let rows = ids.iter().enumerate().map(|(i, ids)| {
            let at = pooled_position(ids, self.config.eos_token_id);
            let state = last_hidden_state.clone().slice([i..i + 1, at..at + 1]);
            state.reshape([1, width])
        });
        Some(projection.forward(Tensor::cat(rows.collect(), 0)))
    }
}

impl Layer {
    /// # Shapes
    /// - x, output: `[batch, tokens, hidden]`
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let h = self.layer_norm1.forward(x.clone());
        let (q, k, v) = (
            self.q_proj.forward(h.clone()),
            self.k_proj.forward(h.clone()),
            self.v_proj.forward(h),
        );
        let h = attention(q, k, v, self.heads, true);
        let x = self.out_proj.forward_add(h, x);
        let h = self.fc1.forward(self.layer_norm2.forward(x.clone()));
        let h = match self.activation {
            Activation::QuickGelu => h.clone() * sigmoid(h * 1.702),
            Activation::Gelu => gelu(h),
        };
        self.fc2.forward_add(h, x)
    }
}

/// Where the pooled vector is taken: at the first end token. The published configs say `eos_token_id: 2`, which is not
/// in the vocabulary's end; transformers then takes the largest id, which is the end token [`CLIPTextModel.forward`].
fn pooled_position(ids: &[u32], eos: u32) -> usize {
    const LEGACY_EOS: u32 = 2;
    let wanted = if eos == LEGACY_EOS {
        ids.iter().copied().max().unwrap_or(eos)
    } else {
        eos
    };
    ids.iter().position(|&id| id == wanted).unwrap_or(0)
}

fn id_tensor(ids: Vec<u32>, device: &Device) -> Tensor<1, Int> {
    let count = ids.len();
    Tensor::from_data(TensorData::new(ids, [count]), (device, DType::U32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooled_vector_stands_at_the_first_end_token() {
        assert_eq!(pooled_position(&[49406, 320, 49407, 49407, 0], 2), 2);
        assert_eq!(pooled_position(&[49406, 49405, 7, 320], 7), 2);
    }
}
