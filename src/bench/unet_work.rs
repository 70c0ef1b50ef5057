//! The work of a UNet's forward, along the way that the picture takes through it ([`crate::unet::UNet::forward`]).

use super::work::{Layer, Work, area};
use crate::unet::{Attention, Level, UNetConfig};
use crate::weights::ComponentName;
use crate::{Error, Result};

/// The layers of a forward.
///
/// `size` is the latent's height and width, `tokens` the length of the context.
pub fn unet_work(
    config: &UNetConfig,
    batch: usize,
    size: [usize; 2],
    tokens: usize,
) -> Result<Work> {
    let refuse = |(field, problem): (&str, String)| Error::BadConfig {
        component: ComponentName::Unet.to_string(),
        field: field.into(),
        problem,
    };
    let (down, mid, up) = (
        config.down_levels().map_err(refuse)?,
        config.mid_level().map_err(refuse)?,
        config.up_levels().map_err(refuse)?,
    );
    let mut walk = Walk {
        work: Work::default(),
        config,
        batch,
        tokens,
    };
    let narrow = config.block_out_channels[0];
    let time = config.time_width();
    // One timestep for the whole batch; sizes are embedded once for a picture.
    walk.linear(1, narrow, time);
    walk.linear(1, time, time);
    walk.work
        .add_conv(batch, size, config.in_channels, narrow, 3);

    let (mut size, mut channels) = (size, narrow);
    let (mut sizes, mut skips) = (vec![size], vec![narrow]);
    for (i, level) in down.iter().enumerate() {
        for _ in 0..config.layers_per_block {
            walk.layer(size, channels, level);
            channels = level.channels;
            skips.push(channels);
        }
        if i + 1 < down.len() {
            let halving = Layer::Conv2d {
                batch,
                input: size,
                resized: size,
                stride: 2,
                inputs: channels,
                outputs: channels,
            };
            walk.work.add(halving);
            size = halving.output();
            sizes.push(size);
            skips.push(channels);
        }
    }
    walk.layer(size, channels, &mid);
    walk.resnet(size, mid.channels, mid.channels);
    for (i, level) in up.iter().enumerate() {
        for skip in skips
            .split_off(skips.len() - (config.layers_per_block + 1))
            .iter()
            .rev()
        {
            walk.layer(size, channels + skip, level);
            channels = level.channels;
        }
        if i + 1 < up.len() {
            let resized = sizes[up.len() - 2 - i];
            walk.work.add(Layer::Conv2d {
                batch,
                input: size,
                resized,
                stride: 1,
                inputs: channels,
                outputs: channels,
            });
            size = resized;
        }
    }
    walk.group_norm(size, narrow);
    walk.work
        .add_conv(batch, size, narrow, config.out_channels, 3);
    Ok(walk.work)
}

struct Walk<'a> {
    work: Work,
    config: &'a UNetConfig,
    batch: usize,
    tokens: usize,
}

impl Walk<'_> {
    fn layer(&mut self, size: [usize; 2], inputs: usize, level: &Level) {
        self.resnet(size, inputs, level.channels);
        if let Some(attention) = level.attention {
            self.transformer(size, level.channels, attention);
        }
    }

    fn resnet(&mut self, size: [usize; 2], inputs: usize, outputs: usize) {
        self.group_norm(size, inputs);
        self.work.add_conv(self.batch, size, inputs, outputs, 3);
        self.linear(self.batch, self.config.time_width(), outputs);
        self.group_norm(size, outputs);
        self.work.add_conv(self.batch, size, outputs, outputs, 3);
        if inputs != outputs {
            self.work.add_conv(self.batch, size, inputs, outputs, 1);
        }
    }

    fn transformer(&mut self, size: [usize; 2], channels: usize, attention: Attention) {
        let rows = self.batch * area(size);
        self.group_norm(size, channels);
        self.linear(rows, channels, channels);
        for _ in 0..attention.layers {
            self.attention(size, channels, attention.heads, None);
            self.attention(size, channels, attention.heads, Some(self.tokens));
            self.work.add(Layer::LayerNorm {
                rows,
                width: channels,
            });
            // GEGLU: hidden and gate, each four times as wide.
            self.linear(rows, channels, 8 * channels);
            self.linear(rows, 4 * channels, channels);
        }
        self.linear(rows, channels, channels);
    }

    /// `tokens`: length of the context; the picture itself where there is none.
    fn attention(
        &mut self,
        size: [usize; 2],
        channels: usize,
        heads: usize,
        tokens: Option<usize>,
    ) {
        let queries = area(size);
        let keys = tokens.unwrap_or(queries);
        let rows = self.batch * queries;
        self.work.add(Layer::LayerNorm {
            rows,
            width: channels,
        });
        self.linear(rows, channels, channels);
        // Those of the text are computed once a picture.
        if tokens.is_none() {
            self.linear(rows, channels, channels);
            self.linear(rows, channels, channels);
        }
        self.work.add(Layer::Attention {
            batch: self.batch,
            queries,
            keys,
            heads,
            width: channels / heads,
        });
        self.linear(rows, channels, channels);
    }

    fn group_norm(&mut self, size: [usize; 2], channels: usize) {
        self.work.add(Layer::GroupNorm {
            batch: self.batch,
            size,
            channels,
            groups: self.config.norm_num_groups,
        });
    }

    fn linear(&mut self, rows: usize, inputs: usize, outputs: usize) {
        self.work.add(Layer::Linear {
            rows,
            inputs,
            outputs,
        });
    }
}
