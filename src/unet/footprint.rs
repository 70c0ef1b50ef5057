//! How much memory a forward needs, known before it runs: the walk of [`super::UNet::forward_observed`], with the sizes of
//! what is alive instead of the tensors.

use super::config::{Fault, Level, UNetConfig};

/// Largest of the widths within a transformer block, in widths of the block: the hidden layer of its feed-forward network.
const WIDEST: u64 = 4;
/// The same where a LoRA is added to that network's values and gates before they are multiplied.
const WIDEST_WITH_LORA: u64 = 8;

/// Values, of activations' size each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Of the largest tensor.
    pub largest: u64,
    /// Of all tensors that are alive at the same time, but for the context.
    pub all: u64,
    /// Of the context: keys and values of the text, for all blocks.
    pub context: u64,
}

impl UNetConfig {
    /// What CubeCL's pools were seen to hold over what is alive, at SDXL's native size ([`crate::device::Room::beside`]).
    pub const POOLS: f64 = 2.25;

    /// What a forward of `batch` samples needs beside the weights.
    ///
    /// `size` is the latent's height and width, `tokens` the length of the context.
    pub fn footprint(
        &self,
        batch: usize,
        size: [usize; 2],
        tokens: usize,
        has_lora: bool,
    ) -> Result<Footprint, Fault> {
        let mut walk = Walk {
            widest: match has_lora {
                true => WIDEST_WITH_LORA,
                false => WIDEST,
            },
            ..Walk::default()
        };
        let (down, mid, up) = (self.down_levels()?, self.mid_level()?, self.up_levels()?);
        let narrow = self.block_out_channels[0];
        let map = |[height, width]: [usize; 2], channels: usize| {
            [batch, height, width, channels]
                .map(|n| n as u64)
                .iter()
                .product::<u64>()
        };

        // Down: the input of a layer is also the last of what the way up is given.
        let (mut size, mut x) = (size, map(size, narrow));
        let (mut sizes, mut skips) = (vec![size], vec![x]);
        walk.alive(&[x, x]);
        for (i, level) in down.iter().enumerate() {
            for _ in 0..self.layers_per_block {
                let y = map(size, level.channels);
                walk.kept = skips.iter().sum::<u64>() - x;
                walk.layer(x, y, level);
                skips.push(y);
                x = y;
            }
            if i + 1 < down.len() {
                size = size.map(|side| side.div_ceil(2));
                sizes.push(size);
                x = map(size, level.channels);
                skips.push(x);
            }
        }

        walk.kept = skips.iter().sum();
        let y = map(size, mid.channels);
        walk.layer(x, y, &mid);
        walk.resnet(y, y);

        for (i, level) in up.iter().enumerate() {
            let y = map(size, level.channels);
            for _ in 0..=self.layers_per_block {
                let skip = skips.pop().unwrap_or_default();
                walk.kept = skips.iter().sum();
                walk.alive(&[x, skip, x + skip]);
                walk.layer(x + skip, y, level);
                x = y;
            }
            if i + 1 < up.len() {
                size = sizes[up.len() - 2 - i];
                let resized = map(size, level.channels);
                walk.alive(&[x, resized]);
                x = resized;
            }
        }

        let levels = down.iter().map(|level| (level, self.layers_per_block));
        let levels = levels.chain([(&mid, 1)]);
        let levels = levels.chain(up.iter().map(|level| (level, self.layers_per_block + 1)));
        let text =
            levels.filter_map(|(level, count)| Some((level.attention?.layers * count, level)));
        walk.footprint.context = text
            .map(|(blocks, level)| 2 * blocks as u64 * map([1, tokens], level.channels))
            .sum();
        Ok(walk.footprint)
    }
}

#[derive(Default)]
struct Walk {
    widest: u64,
    /// Values of what is kept for later, whatever else is alive.
    kept: u64,
    footprint: Footprint,
}

impl Walk {
    fn alive(&mut self, tensors: &[u64]) {
        let Footprint { largest, all, .. } = &mut self.footprint;
        *largest = tensors.iter().copied().fold(*largest, u64::max);
        *all = (*all).max(self.kept + tensors.iter().sum::<u64>());
    }

    fn layer(&mut self, x: u64, y: u64, level: &Level) {
        self.resnet(x, y);
        if level.attention.is_some() {
            // The layer's input may be kept for later; its residual; tokens; their norm; and what is made of that: the hidden
            // layer, or queries, keys, values and what they give.
            self.alive(&[x, y, y, y, self.widest * y, y]);
        }
    }

    fn resnet(&mut self, x: u64, y: u64) {
        self.alive(&[x, x, y]);
        self.alive(&[x, y, y, y]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_base_at_its_native_size() {
        let json = include_str!("../../www/models/sdxl/base/unet/config.json");
        let config: UNetConfig = serde_json::from_str(json).unwrap();
        let guided = config.footprint(2, [128, 128], 77, false).unwrap();
        // The joined input of the last level: 640 and 320 channels.
        assert_eq!(guided.largest, 2 * 128 * 128 * 960);
        let one = config.footprint(1, [128, 128], 77, false).unwrap();
        assert_eq!((2 * one.largest, 2 * one.all), (guided.largest, guided.all));
        // 60 blocks of 1280 channels, 10 of 640.
        assert_eq!(one.context, 2 * 77 * (60 * 1280 + 10 * 640));
        let with_lora = config.footprint(2, [128, 128], 77, true).unwrap();
        // Values and gates of the middle level's feed-forward network.
        assert_eq!(with_lora.largest, 2 * 64 * 64 * 8 * 640);
    }
}
