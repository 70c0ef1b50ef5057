//! The tensors of a UNet.

use super::Inventory;
use super::config::bad;
use crate::Result;
use crate::unet::{Attention, Level, UNetConfig};

pub(super) fn unet(list: &mut Inventory, config: &UNetConfig) -> Result<()> {
    let component = list.component;
    let refuse = |(field, problem): (&str, String)| bad(component, field, problem);
    let (down, mid, up) = (
        config.down_levels().map_err(refuse)?,
        config.mid_level().map_err(refuse)?,
        config.up_levels().map_err(refuse)?,
    );
    let layers = config.layers_per_block;
    let (first, time) = (config.block_out_channels[0], config.time_width());
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
    for (i, level) in down.iter().enumerate() {
        let at = format!("down_blocks.{i}");
        for l in 0..layers {
            list.layer(&at, l, input, level, config);
            input = level.channels;
        }
        if i + 1 < down.len() {
            list.convolution(&format!("{at}.downsamplers.0.conv"), input, input, 3);
        }
    }

    list.layer("mid_block", 0, input, &mid, config);
    list.resnet(
        "mid_block.resnets.1",
        mid.channels,
        mid.channels,
        Some(time),
    );

    for (i, level) in up.iter().enumerate() {
        let at = format!("up_blocks.{i}");
        // The skips of a level end with the output of the level above, whose channels may be fewer.
        let above = up.get(i + 1).unwrap_or(level);
        for l in 0..=layers {
            let skip = if l == layers { above } else { level };
            list.layer(&at, l, input + skip.channels, level, config);
            input = level.channels;
        }
        if i + 1 < up.len() {
            list.convolution(&format!("{at}.upsamplers.0.conv"), input, input, 3);
        }
    }
    list.norm("conv_norm_out", first);
    list.convolution("conv_out", config.out_channels, first, 3);
    Ok(())
}

impl Inventory {
    /// A residual block and the transformer behind it.
    fn layer(&mut self, at: &str, index: usize, input: usize, level: &Level, config: &UNetConfig) {
        let (out, time) = (level.channels, config.time_width());
        self.resnet(&format!("{at}.resnets.{index}"), input, out, Some(time));
        if let Some(Attention { layers, .. }) = level.attention {
            let context = config.cross_attention_dim;
            self.transformer(&format!("{at}.attentions.{index}"), out, context, layers);
        }
    }
}
