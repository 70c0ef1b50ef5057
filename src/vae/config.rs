//! `config.json` of an `AutoencoderKL`.

use serde::Deserialize;

use crate::device::Room;

/// The fields that decide structure and scale.
#[derive(Debug, Clone, Deserialize)]
pub struct VaeConfig {
    /// Channels of the picture.
    pub in_channels: usize,
    /// Channels of the picture that comes out.
    pub out_channels: usize,
    /// Channels of the latent.
    pub latent_channels: usize,
    /// Width of each level, the full-size one first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of an encoder level; a decoder level has one more.
    pub layers_per_block: usize,
    /// Groups of every GroupNorm.
    pub norm_num_groups: usize,
    /// The UNet's latent is the VAE's times this.
    pub scaling_factor: f64,
    /// "silu" for SDXL.
    pub act_fn: String,
    /// Whether activations overflow f16, as those of the published VAE do (trained in f32; the fp16-fix VAE says false).
    /// Where it does, the VAE is computed in f32 whatever the rest is.
    #[serde(default = "overflows")]
    pub force_upcast: bool,
    /// What each channel of the latent adds to red, green and blue, for previews; not a field of diffusers.
    #[serde(default)]
    pub latent_rgb_factors: Option<Vec<[f32; 3]>>,
    /// And what is added for all channels together.
    #[serde(default)]
    pub latent_rgb_factors_bias: Option<[f32; 3]>,
}

/// Bytes of a strip's largest activation from which on it takes more memory but no less time.
const STRIP: u64 = 128 << 20;

/// diffusers' default.
fn overflows() -> bool {
    true
}

impl VaeConfig {
    /// What CubeCL's pools were seen to hold over what is alive ([`Room::beside`]).
    pub const POOLS: f64 = 1.4;

    /// Pixels of the picture to a side of one latent pixel.
    pub fn scale(&self) -> usize {
        1 << (self.block_out_channels.len().saturating_sub(1))
    }

    /// Bytes of the largest activation for a picture of this height and width, in strips of `rows` rows of the latent. An upsampled picture still has the width of the level it comes from.
    /// A strip is read with a row of each neighbour; the map at the latent's size stays whole.
    pub fn largest_activation_of_strips(&self, [height, width]: [usize; 2], rows: usize) -> u64 {
        let widths = &self.block_out_channels;
        let last = widths.len() - 1;
        let values = (0..=last).map(|i| {
            let (height, width) = (height >> i, width >> i);
            let channels = widths[i].max(widths.get(i + 1).copied().unwrap_or_default());
            let rows = match i == last {
                true => height,
                false => height.min((rows << (last - i)) + 2),
            };
            rows as u64 * width as u64 * channels as u64
        });
        values.max().unwrap_or_default() * size_of::<f32>() as u64
    }

    /// Bytes of all activations that are alive at a time, in strips of `rows` rows of the latent: the maps before and after a
    /// convolution, which are always there as a whole, and what one strip needs, joined with its neighbours' rows, normalized,
    /// and as a shortcut.
    pub fn activations_of_strips(&self, [height, width]: [usize; 2], rows: usize) -> u64 {
        let widths = &self.block_out_channels;
        let maps = (0..widths.len()).map(|i| {
            let above = widths.get(i + 1).copied().unwrap_or_default();
            let area = (height >> i) as u64 * (width >> i) as u64;
            area * (widths[i].max(above) + widths[i]) as u64
        });
        let maps = maps.max().unwrap_or_default() * size_of::<f32>() as u64;
        maps + 3 * self.largest_activation_of_strips([height, width], rows)
    }

    /// Rows of the latent to a strip: as many as there is room for, but no more than keep a GPU busy; `None` where the picture
    /// is too large even for strips. `room` is what the weights leave.
    pub fn rows_per_strip(&self, size: [usize; 2], room: Room) -> Option<usize> {
        let has_room = |rows: &usize| {
            self.largest_activation_of_strips(size, *rows) <= room.tensor
                && self.activations_of_strips(size, *rows) <= room.memory
        };
        let is_busy = |rows: &usize| self.largest_activation_of_strips(size, *rows) >= STRIP;
        let mut rows = 1..=size[0].div_ceil(self.scale());
        let enough = rows.clone().find(is_busy).unwrap_or(*rows.end());
        rows.rfind(|rows| *rows <= enough && has_room(rows))
    }

    /// Name of a field that no VAE of SDXL has in this form, and what is wrong with it.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        let groups = self.norm_num_groups;
        if self.block_out_channels.is_empty() {
            return Some(("block_out_channels", "is empty".into()));
        }
        if groups == 0
            || self
                .block_out_channels
                .iter()
                .any(|c| !c.is_multiple_of(groups))
        {
            return Some((
                "norm_num_groups",
                format!(
                    "{groups} groups do not divide {:?}",
                    self.block_out_channels
                ),
            ));
        }
        if self.scaling_factor <= 0.0 {
            return Some(("scaling_factor", "must be positive".into()));
        }
        (self.act_fn != "silu").then(|| ("act_fn", "must be \"silu\", as in SDXL".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_fit_where_the_whole_does_not() {
        let json = include_str!("../../www/models/sdxl/base/vae/config.json");
        let config: VaeConfig = serde_json::from_str(json).unwrap();
        let size = [1024, 1024];
        assert_eq!(config.largest_activation_of_strips(size, 128), 1 << 30);
        // The least that WebGPU promises: 128 rows of the picture, less the two of the neighbours.
        let rows = |tensor, memory| config.rows_per_strip(size, Room { tensor, memory });
        assert_eq!(rows(128 << 20, u64::MAX), Some(15));
        // 128 MiB keep a GPU busy.
        assert_eq!(rows(1 << 30, u64::MAX), Some(16));
        assert_eq!(rows(32 << 20, u64::MAX), Some(3));
        assert_eq!(rows(16 << 20, u64::MAX), None, "the middle block");
        // Maps of 1.5 GiB, and three strips of 82 MiB beside them.
        assert_eq!(rows(1 << 30, 1782 << 20), Some(10));
        assert_eq!(rows(1 << 30, 1 << 30), None);
    }
}
