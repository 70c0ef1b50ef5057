//! The tensors of the autoencoder.

use serde::Deserialize;

use super::Inventory;
use super::config::bad;
use crate::Result;

/// The fields of diffusers' `AutoencoderKL` that decide its tensors.
#[derive(Deserialize)]
pub(in crate::weights) struct VaeConfig {
    in_channels: usize,
    out_channels: usize,
    latent_channels: usize,
    pub(in crate::weights) block_out_channels: Vec<usize>,
    layers_per_block: usize,
    #[serde(default = "yes")]
    use_quant_conv: bool,
    #[serde(default = "yes")]
    use_post_quant_conv: bool,
    #[serde(default = "yes")]
    mid_block_add_attention: bool,
}

fn yes() -> bool {
    true
}

pub(super) fn autoencoder(list: &mut Inventory, config: &VaeConfig) -> Result<()> {
    let channels = &config.block_out_channels;
    let (Some(&first), Some(&last)) = (channels.first(), channels.last()) else {
        return Err(bad(list.component, "block_out_channels", "is empty"));
    };
    let (levels, latent) = (channels.len(), config.latent_channels);
    let middle = |list: &mut Inventory, side: &str| {
        let at = format!("{side}.mid_block");
        list.resnet(&format!("{at}.resnets.0"), last, last, None);
        if config.mid_block_add_attention {
            list.norm(&format!("{at}.attentions.0.group_norm"), last);
            for part in ["to_q", "to_k", "to_v", "to_out.0"] {
                list.linear(&format!("{at}.attentions.0.{part}"), last, last);
            }
        }
        list.resnet(&format!("{at}.resnets.1"), last, last, None);
    };

    list.convolution("encoder.conv_in", first, config.in_channels, 3);
    let mut input = first;
    for (i, &out) in channels.iter().enumerate() {
        for l in 0..config.layers_per_block {
            list.resnet(
                &format!("encoder.down_blocks.{i}.resnets.{l}"),
                input,
                out,
                None,
            );
            input = out;
        }
        if i + 1 < levels {
            list.convolution(
                &format!("encoder.down_blocks.{i}.downsamplers.0.conv"),
                out,
                out,
                3,
            );
        }
    }
    middle(list, "encoder");
    list.norm("encoder.conv_norm_out", last);
    list.convolution("encoder.conv_out", 2 * latent, last, 3);
    if config.use_quant_conv {
        list.convolution("quant_conv", 2 * latent, 2 * latent, 1);
    }

    if config.use_post_quant_conv {
        list.convolution("post_quant_conv", latent, latent, 1);
    }
    list.convolution("decoder.conv_in", last, latent, 3);
    middle(list, "decoder");
    for (i, &out) in channels.iter().rev().enumerate() {
        for l in 0..=config.layers_per_block {
            list.resnet(
                &format!("decoder.up_blocks.{i}.resnets.{l}"),
                input,
                out,
                None,
            );
            input = out;
        }
        if i + 1 < levels {
            list.convolution(
                &format!("decoder.up_blocks.{i}.upsamplers.0.conv"),
                out,
                out,
                3,
            );
        }
    }
    list.norm("decoder.conv_norm_out", first);
    list.convolution("decoder.conv_out", config.out_channels, first, 3);
    Ok(())
}
