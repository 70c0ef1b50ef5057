//! The tensors of a UNet.

use serde::Deserialize;

use super::Inventory;
use super::config::bad;
use crate::Result;
use crate::weights::ComponentName;

/// The fields of diffusers' `UNet2DConditionModel` that decide its tensors.
#[derive(Deserialize)]
pub(in crate::weights) struct UnetConfig {
    in_channels: usize,
    out_channels: usize,
    block_out_channels: Vec<usize>,
    down_block_types: Vec<String>,
    pub(in crate::weights) up_block_types: Vec<String>,
    mid_block_type: Option<String>,
    pub(in crate::weights) layers_per_block: usize,
    transformer_layers_per_block: OneOrEach,
    cross_attention_dim: usize,
    addition_embed_type: Option<String>,
    projection_class_embeddings_input_dim: usize,
    #[serde(default)]
    use_linear_projection: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrEach {
    One(usize),
    Each(Vec<usize>),
}

pub(super) fn unet(list: &mut Inventory, config: &UnetConfig) -> Result<()> {
    let channels = &config.block_out_channels;
    let levels = channels.len();
    let refuse = |field, problem: String| Err(bad(list.component, field, problem));
    let (Some(&first), Some(&last)) = (channels.first(), channels.last()) else {
        return refuse("block_out_channels", "is empty".into());
    };
    let depths = match &config.transformer_layers_per_block {
        OneOrEach::One(depth) => vec![*depth; levels],
        OneOrEach::Each(depths) => depths.clone(),
    };
    for (field, length) in [
        ("transformer_layers_per_block", depths.len()),
        ("down_block_types", config.down_block_types.len()),
        ("up_block_types", config.up_block_types.len()),
    ] {
        if length != levels {
            return refuse(field, format!("{length} entries for {levels} levels"));
        }
    }
    for (field, value, wanted) in [
        (
            "addition_embed_type",
            &config.addition_embed_type,
            "text_time",
        ),
        (
            "mid_block_type",
            &config.mid_block_type,
            "UNetMidBlock2DCrossAttn",
        ),
    ] {
        if value.as_deref().is_some_and(|v| v != wanted)
            || value.is_none() && field == "addition_embed_type"
        {
            return refuse(field, format!("is {value:?}, not {wanted:?}"));
        }
    }
    if !config.use_linear_projection {
        return refuse("use_linear_projection", "is not true".into());
    }
    let attends = |kind: &str, plain: &str, crossed: &str| match kind {
        k if k == plain => Ok(false),
        k if k == crossed => Ok(true),
        other => Err(bad(
            ComponentName::Unet,
            "block types",
            format!("{other:?} is neither {plain} nor {crossed}"),
        )),
    };

    let (layers, context) = (config.layers_per_block, config.cross_attention_dim);
    let time = 4 * first;
    list.convolution("conv_in", first, config.in_channels, 3);
    list.linear("time_embedding.linear_1", time, first);
    list.linear("time_embedding.linear_2", time, time);
    list.linear(
        "add_embedding.linear_1",
        time,
        config.projection_class_embeddings_input_dim,
    );
    list.linear("add_embedding.linear_2", time, time);

    let mut input = first;
    for (i, kind) in config.down_block_types.iter().enumerate() {
        let (at, crossed) = (
            format!("down_blocks.{i}"),
            attends(kind, "DownBlock2D", "CrossAttnDownBlock2D")?,
        );
        for l in 0..layers {
            list.resnet(&format!("{at}.resnets.{l}"), input, channels[i], Some(time));
            input = channels[i];
            if crossed {
                list.transformer(&format!("{at}.attentions.{l}"), input, context, depths[i]);
            }
        }
        if i + 1 < levels {
            list.convolution(&format!("{at}.downsamplers.0.conv"), input, input, 3);
        }
    }

    list.resnet("mid_block.resnets.0", last, last, Some(time));
    list.transformer("mid_block.attentions.0", last, context, depths[levels - 1]);
    list.resnet("mid_block.resnets.1", last, last, Some(time));

    for (i, kind) in config.up_block_types.iter().enumerate() {
        let (at, crossed) = (
            format!("up_blocks.{i}"),
            attends(kind, "UpBlock2D", "CrossAttnUpBlock2D")?,
        );
        let level = levels - 1 - i;
        let out = channels[level];
        for l in 0..=layers {
            // The skips of a level end with the output of the level above, whose channels may be fewer.
            let skip = if l == layers {
                channels[level.saturating_sub(1)]
            } else {
                out
            };
            list.resnet(&format!("{at}.resnets.{l}"), input + skip, out, Some(time));
            input = out;
            if crossed {
                list.transformer(&format!("{at}.attentions.{l}"), out, context, depths[level]);
            }
        }
        if i + 1 < levels {
            list.convolution(&format!("{at}.upsamplers.0.conv"), out, out, 3);
        }
    }
    list.norm("conv_norm_out", first);
    list.convolution("conv_out", config.out_channels, first, 3);
    Ok(())
}
