//! Where a component's tensors lie in a single-file checkpoint.
//!
//! Single files keep the names of Stability AI's own code: the UNet's blocks are numbered through, the decoder's count
//! backwards, OpenCLIP fuses query, key and value. Everything follows from the configs, so models of other sizes work too.

use serde_json::Value;

use super::inventory::{Spec, read, tensors_of};
use super::manifest::{ComponentName, Kind};
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;
use crate::{Error, Result};

/// Where a single file keeps a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Name in the single file.
    pub name: String,
    /// Shape in the single file.
    pub shape: Vec<usize>,
    /// How it becomes the folder's tensor.
    pub change: Change,
}

impl Origin {
    /// Where a diffusers folder keeps a tensor: under its own name.
    pub fn in_place(spec: Spec) -> Self {
        Self {
            name: spec.name,
            shape: spec.shape,
            change: Change::Copy,
        }
    }
}

/// What must be done to a tensor of a single file to get the folder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Copy,
    /// Rows become columns.
    Transpose,
    /// A convolution with a 1x1 kernel becomes a linear layer: two axes fall away.
    Conv1x1,
    /// The i-th third of the rows: 0 query, 1 key, 2 value.
    Third(usize),
}

/// A folder's name to its place.
type Rule = Box<dyn Fn(&str) -> Option<(String, Change)>>;

/// The tensors of a component by its config, each with its place in a single file of that kind.
pub fn single_file_map(
    kind: Kind,
    component: ComponentName,
    config: &Value,
) -> Result<Vec<(Spec, Origin)>> {
    let rule: Rule = match component {
        ComponentName::Unet => {
            let config: UNetConfig = read(component, config)?;
            Box::new(move |name| Some((unet(name, &config)?, Change::Copy)))
        }
        ComponentName::Vae => {
            let config: VaeConfig = read(component, config)?;
            Box::new(move |name| autoencoder(name, config.block_out_channels.len()))
        }
        ComponentName::TextEncoder => {
            Box::new(|name| Some((format!("{CLIP_L}{name}"), Change::Copy)))
        }
        ComponentName::TextEncoder2 => Box::new(move |name| {
            let (place, change) = open_clip(name)?;
            Some((format!("{}{place}", open_clip_prefix(kind)), change))
        }),
        ComponentName::Scheduler | ComponentName::Tokenizer | ComponentName::Tokenizer2 => {
            return Ok(Vec::new());
        }
    };
    let place = |spec: Spec| {
        let Some((name, change)) = rule(&spec.name) else {
            return Err(Error::UnexpectedTensor {
                component: component.to_string(),
                tensor: spec.name,
            });
        };
        let shape = change.undo_shape(&spec.shape);
        Ok((
            spec,
            Origin {
                name,
                shape,
                change,
            },
        ))
    };
    tensors_of(component, config)?
        .into_iter()
        .map(place)
        .collect()
}

/// Which kind of single file has these tensors, if its text encoders say so.
pub fn kind_of_single_file<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Kind> {
    let mut refiner = false;
    for name in names {
        if [CLIP_L, open_clip_prefix(Kind::Base)]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            return Some(Kind::Base);
        }
        refiner |= name.starts_with(open_clip_prefix(Kind::Refiner));
    }
    refiner.then_some(Kind::Refiner)
}

/// How the UNet's names begin in a single file.
pub(crate) const UNET: &str = "model.diffusion_model.";
/// And the autoencoder's, but for files that hold nothing else.
pub(super) const VAE: &str = "first_stage_model.";
const CLIP_L: &str = "conditioner.embedders.0.transformer.";

/// The refiner has one text encoder only, so OpenCLIP comes first there.
fn open_clip_prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::Base => "conditioner.embedders.1.model.",
        Kind::Refiner => "conditioner.embedders.0.model.",
    }
}

impl Change {
    /// The shape before the change.
    fn undo_shape(self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        match (self, shape.first_mut()) {
            (Change::Transpose, _) => shape.reverse(),
            (Change::Conv1x1, _) => shape.extend([1, 1]),
            (Change::Third(_), Some(rows)) => *rows *= 3,
            (Change::Third(_), None) | (Change::Copy, _) => {}
        }
        shape
    }
}

fn unet(name: &str, config: &UNetConfig) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let leaf = *parts.last()?;
    let number = |at: usize| parts.get(at)?.parse::<usize>().ok();
    let rest = |at: usize| Some(parts.get(at..)?.join("."));
    let per_level = config.layers_per_block + 1;
    let place = match parts[..] {
        ["conv_in", _] => format!("input_blocks.0.0.{leaf}"),
        ["conv_norm_out", _] => format!("out.0.{leaf}"),
        ["conv_out", _] => format!("out.2.{leaf}"),
        [embedding @ ("time_embedding" | "add_embedding"), linear, _] => {
            let stem = if embedding == "time_embedding" {
                "time_embed"
            } else {
                "label_emb.0"
            };
            // An activation sits between the two, at index 1.
            format!("{stem}.{}.{leaf}", if linear == "linear_1" { 0 } else { 2 })
        }
        ["mid_block", "attentions", ..] => format!("middle_block.1.{}", rest(3)?),
        ["mid_block", "resnets", _, part, _] => {
            format!(
                "middle_block.{}.{}.{leaf}",
                2 * number(2)?,
                unet_resnet(part)?
            )
        }
        // Block 0 of the input is conv_in.
        ["down_blocks", _, "resnets", _, part, _] => {
            format!(
                "input_blocks.{}.0.{}.{leaf}",
                number(1)? * per_level + number(3)? + 1,
                unet_resnet(part)?
            )
        }
        ["down_blocks", _, "attentions", ..] => {
            format!(
                "input_blocks.{}.1.{}",
                number(1)? * per_level + number(3)? + 1,
                rest(4)?
            )
        }
        ["down_blocks", _, "downsamplers", ..] => {
            format!("input_blocks.{}.0.op.{leaf}", (number(1)? + 1) * per_level)
        }
        ["up_blocks", _, "resnets", _, part, _] => {
            format!(
                "output_blocks.{}.0.{}.{leaf}",
                number(1)? * per_level + number(3)?,
                unet_resnet(part)?
            )
        }
        ["up_blocks", _, "attentions", ..] => {
            format!(
                "output_blocks.{}.1.{}",
                number(1)? * per_level + number(3)?,
                rest(4)?
            )
        }
        ["up_blocks", _, "upsamplers", ..] => {
            let level = number(1)?;
            // It follows the attention, or the resnet where the level has none.
            let at = if config.up_block_types.get(level)?.starts_with("CrossAttn") {
                2
            } else {
                1
            };
            format!(
                "output_blocks.{}.{at}.conv.{leaf}",
                (level + 1) * per_level - 1
            )
        }
        _ => return None,
    };
    Some(format!("{UNET}{place}"))
}

fn unet_resnet(part: &str) -> Option<&'static str> {
    Some(match part {
        "norm1" => "in_layers.0",
        "conv1" => "in_layers.2",
        "time_emb_proj" => "emb_layers.1",
        "norm2" => "out_layers.0",
        "conv2" => "out_layers.3",
        "conv_shortcut" => "skip_connection",
        _ => return None,
    })
}

fn autoencoder(name: &str, levels: usize) -> Option<(String, Change)> {
    let parts: Vec<&str> = name.split('.').collect();
    let leaf = *parts.last()?;
    let number = |at: usize| parts.get(at)?.parse::<usize>().ok();
    let shortcut = |part: &str| {
        if part == "conv_shortcut" {
            "nin_shortcut"
        } else {
            part
        }
        .to_owned()
    };
    let mut change = Change::Copy;
    let place = match parts[..] {
        ["quant_conv" | "post_quant_conv", _] | [_, "conv_in" | "conv_out", _] => name.to_owned(),
        [side, "conv_norm_out", _] => format!("{side}.norm_out.{leaf}"),
        [side, "mid_block", "resnets", _, part, _] => {
            format!(
                "{side}.mid.block_{}.{}.{leaf}",
                number(3)? + 1,
                shortcut(part)
            )
        }
        [side, "mid_block", "attentions", _, part, ..] => {
            let part = match part {
                "group_norm" => "norm",
                "to_q" => "q",
                "to_k" => "k",
                "to_v" => "v",
                "to_out" => "proj_out",
                _ => return None,
            };
            if part != "norm" && leaf == "weight" {
                change = Change::Conv1x1;
            }
            format!("{side}.mid.attn_1.{part}.{leaf}")
        }
        ["encoder", "down_blocks", level, "resnets", layer, part, _] => {
            format!(
                "encoder.down.{level}.block.{layer}.{}.{leaf}",
                shortcut(part)
            )
        }
        ["encoder", "down_blocks", level, "downsamplers", ..] => {
            format!("encoder.down.{level}.downsample.conv.{leaf}")
        }
        ["decoder", "up_blocks", _, "resnets", layer, part, _] => {
            format!(
                "decoder.up.{}.block.{layer}.{}.{leaf}",
                (levels - 1).checked_sub(number(2)?)?,
                shortcut(part)
            )
        }
        ["decoder", "up_blocks", _, "upsamplers", ..] => {
            format!(
                "decoder.up.{}.upsample.conv.{leaf}",
                (levels - 1).checked_sub(number(2)?)?
            )
        }
        _ => return None,
    };
    Some((format!("{VAE}{place}"), change))
}

fn open_clip(name: &str) -> Option<(String, Change)> {
    let parts: Vec<&str> = name.split('.').collect();
    let leaf = *parts.last()?;
    let mut change = Change::Copy;
    let place = match parts[..] {
        ["text_projection", _] => return Some(("text_projection".into(), Change::Transpose)),
        [_, "embeddings", "position_embedding", _] => "positional_embedding".into(),
        [_, "embeddings", "token_embedding", _] => format!("token_embedding.{leaf}"),
        [_, "final_layer_norm", _] => format!("ln_final.{leaf}"),
        [_, "encoder", "layers", layer, ref part @ .., _] => {
            let at = format!("transformer.resblocks.{layer}");
            match part {
                ["layer_norm1"] => format!("{at}.ln_1.{leaf}"),
                ["layer_norm2"] => format!("{at}.ln_2.{leaf}"),
                ["mlp", "fc1"] => format!("{at}.mlp.c_fc.{leaf}"),
                ["mlp", "fc2"] => format!("{at}.mlp.c_proj.{leaf}"),
                ["self_attn", "out_proj"] => format!("{at}.attn.out_proj.{leaf}"),
                ["self_attn", fused] => {
                    change = Change::Third(
                        ["q_proj", "k_proj", "v_proj"]
                            .iter()
                            .position(|p| p == fused)?,
                    );
                    format!("{at}.attn.in_proj_{leaf}")
                }
                _ => return None,
            }
        }
        _ => return None,
    };
    Some((place, change))
}
