//! `config.json` of an `AutoencoderKL`.

use serde::Deserialize;

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
}

impl VaeConfig {
    /// Pixels of the picture to a side of one latent pixel.
    pub fn scale(&self) -> usize {
        1 << (self.block_out_channels.len().saturating_sub(1))
    }

    /// Bytes of the decoder's largest activation for a picture of this height and width: an upsampled picture still has the
    /// width of the level it comes from.
    pub fn largest_activation(&self, [height, width]: [usize; 2]) -> u64 {
        let widths = &self.block_out_channels;
        let values = (0..widths.len()).map(|i| {
            let channels = widths[i].max(widths.get(i + 1).copied().unwrap_or_default());
            (height >> i) as u64 * (width >> i) as u64 * channels as u64
        });
        values.max().unwrap_or_default() * size_of::<f32>() as u64
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
