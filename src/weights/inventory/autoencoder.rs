//! The tensors of the autoencoder.

use super::Inventory;
use super::config::bad;
use crate::Result;
use crate::vae::VaeConfig;

pub(super) fn autoencoder(list: &mut Inventory, config: &VaeConfig) -> Result<()> {
    if let Some((field, problem)) = config.fault() {
        return Err(bad(list.component, field, problem));
    }
    let channels = &config.block_out_channels;
    let (first, last) = (channels[0], channels[channels.len() - 1]);
    let (levels, latent) = (channels.len(), config.latent_channels);
    let middle = |list: &mut Inventory, side: &str| {
        let at = format!("{side}.mid_block");
        list.resnet(&format!("{at}.resnets.0"), last, last, None);
        list.norm(&format!("{at}.attentions.0.group_norm"), last);
        for part in ["to_q", "to_k", "to_v", "to_out.0"] {
            list.linear(&format!("{at}.attentions.0.{part}"), last, last);
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
    list.convolution("quant_conv", 2 * latent, 2 * latent, 1);

    list.convolution("post_quant_conv", latent, latent, 1);
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
