//! The work of the VAE's decoder ([`crate::vae::Decoder::forward`]); strips, which are exact, add nothing to it.

use super::work::{Layer, Work, area};
use crate::vae::VaeConfig;

/// The layers of decoding one picture; `size` is the latent's height and width.
pub fn decoder_work(config: &VaeConfig, size: [usize; 2]) -> Work {
    let mut walk = Walk {
        work: Work::default(),
        groups: config.norm_num_groups,
    };
    let latent = config.latent_channels;
    let mut levels = config.block_out_channels.iter().rev().peekable();
    let mut channels = levels.peek().map_or(latent, |widest| **widest);
    walk.work.add_conv(1, size, latent, latent, 1);
    walk.work.add_conv(1, size, latent, channels, 3);

    walk.resnet(size, channels, channels);
    walk.attention(size, channels);
    walk.resnet(size, channels, channels);

    let mut size = size;
    while let Some(&outputs) = levels.next() {
        for _ in 0..=config.layers_per_block {
            walk.resnet(size, channels, outputs);
            channels = outputs;
        }
        if levels.peek().is_some() {
            let resized = size.map(|side| 2 * side);
            walk.work.add(Layer::Conv2d {
                batch: 1,
                input: size,
                resized,
                stride: 1,
                inputs: channels,
                outputs: channels,
            });
            size = resized;
        }
    }
    walk.group_norm(size, channels);
    walk.work
        .add_conv(1, size, channels, config.out_channels, 3);
    walk.work
}

struct Walk {
    work: Work,
    groups: usize,
}

impl Walk {
    fn resnet(&mut self, size: [usize; 2], inputs: usize, outputs: usize) {
        self.group_norm(size, inputs);
        self.work.add_conv(1, size, inputs, outputs, 3);
        self.group_norm(size, outputs);
        self.work.add_conv(1, size, outputs, outputs, 3);
        if inputs != outputs {
            self.work.add_conv(1, size, inputs, outputs, 1);
        }
    }

    fn attention(&mut self, size: [usize; 2], channels: usize) {
        self.group_norm(size, channels);
        for _ in ["to_q", "to_k", "to_v", "to_out"] {
            self.work.add_conv(1, size, channels, channels, 1);
        }
        self.work.add(Layer::Attention {
            batch: 1,
            queries: area(size),
            keys: area(size),
            heads: 1,
            width: channels,
        });
    }

    fn group_norm(&mut self, size: [usize; 2], channels: usize) {
        self.work.add(Layer::GroupNorm {
            batch: 1,
            size,
            channels,
            groups: self.groups,
        });
    }
}
