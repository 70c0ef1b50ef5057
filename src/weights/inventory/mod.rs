//! Which tensors a component has, by its config: names, shapes and roles, in the order in which they are packed.
//!
//! Names and shapes are diffusers' (convolutions `[out, in, height, width]`), those of the published folders.

mod autoencoder;
mod config;
mod text_encoder;
mod unet;

use serde_json::Value;

use super::manifest::ComponentName;
use crate::Result;

pub(crate) use config::read;

/// A tensor that a component must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// diffusers' name.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

/// What a tensor is for, as far as its storage depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A matrix `[out, in]`.
    Linear,
    /// A convolution `[out, in, height, width]`.
    Convolution,
    /// One row for each token.
    TokenEmbedding,
    /// One row for each position.
    PositionEmbedding,
    /// A factor of a norm.
    Norm,
    /// A bias, of a norm or a layer.
    Bias,
}

/// The tensors of a component by its `config.json`; none for tokenizers and schedulers.
pub fn tensors_of(component: ComponentName, config: &Value) -> Result<Vec<Spec>> {
    let mut list = Inventory {
        component,
        specs: Vec::new(),
    };
    match component {
        ComponentName::Unet => unet::unet(&mut list, &read(component, config)?)?,
        ComponentName::Vae => autoencoder::autoencoder(&mut list, &read(component, config)?)?,
        ComponentName::TextEncoder => {
            text_encoder::text_encoder(&mut list, &read(component, config)?, false)
        }
        ComponentName::TextEncoder2 => {
            text_encoder::text_encoder(&mut list, &read(component, config)?, true)
        }
        ComponentName::Scheduler | ComponentName::Tokenizer | ComponentName::Tokenizer2 => {}
    }
    match list.specs.iter().find(|spec| spec.shape.contains(&0)) {
        Some(spec) => Err(config::bad(
            component,
            "config.json",
            format!("makes `{}` empty", spec.name),
        )),
        None => Ok(list.specs),
    }
}

struct Inventory {
    component: ComponentName,
    specs: Vec<Spec>,
}

impl Inventory {
    fn add(&mut self, name: String, shape: &[usize], role: Role) {
        self.specs.push(Spec {
            name,
            shape: shape.to_vec(),
            role,
        });
    }

    fn with_bias(&mut self, at: &str, shape: &[usize], role: Role) {
        self.add(format!("{at}.weight"), shape, role);
        self.add(format!("{at}.bias"), &shape[..1], Role::Bias);
    }

    fn norm(&mut self, at: &str, channels: usize) {
        self.with_bias(at, &[channels], Role::Norm);
    }

    fn linear(&mut self, at: &str, out: usize, input: usize) {
        self.with_bias(at, &[out, input], Role::Linear);
    }

    fn convolution(&mut self, at: &str, out: usize, input: usize, side: usize) {
        self.with_bias(at, &[out, input, side, side], Role::Convolution);
    }

    /// `time`: width of the time embedding, where there is one.
    fn resnet(&mut self, at: &str, input: usize, out: usize, time: Option<usize>) {
        self.norm(&format!("{at}.norm1"), input);
        self.convolution(&format!("{at}.conv1"), out, input, 3);
        if let Some(time) = time {
            self.linear(&format!("{at}.time_emb_proj"), out, time);
        }
        self.norm(&format!("{at}.norm2"), out);
        self.convolution(&format!("{at}.conv2"), out, out, 3);
        if input != out {
            self.convolution(&format!("{at}.conv_shortcut"), out, input, 1);
        }
    }

    fn transformer(&mut self, at: &str, channels: usize, context: usize, depth: usize) {
        self.norm(&format!("{at}.norm"), channels);
        self.linear(&format!("{at}.proj_in"), channels, channels);
        for i in 0..depth {
            let at = format!("{at}.transformer_blocks.{i}");
            for (norm, attention, keys) in
                [("norm1", "attn1", channels), ("norm2", "attn2", context)]
            {
                self.norm(&format!("{at}.{norm}"), channels);
                for (part, input) in [("to_q", channels), ("to_k", keys), ("to_v", keys)] {
                    self.add(
                        format!("{at}.{attention}.{part}.weight"),
                        &[channels, input],
                        Role::Linear,
                    );
                }
                self.linear(&format!("{at}.{attention}.to_out.0"), channels, channels);
            }
            self.norm(&format!("{at}.norm3"), channels);
            // GEGLU: hidden and gate, each four times as wide.
            self.linear(&format!("{at}.ff.net.0.proj"), 8 * channels, channels);
            self.linear(&format!("{at}.ff.net.2"), channels, 4 * channels);
        }
        self.linear(&format!("{at}.proj_out"), channels, channels);
    }
}
