//! What a latent looks like, without a decoder: a linear map makes each of its pixels one of a small picture.

use super::VaeConfig;
use crate::{Image, Result};

/// The map of the published VAE, fitted by others to its pictures (ComfyUI's `latent_formats.SDXL`).
const PUBLISHED: [[f32; 3]; 4] = [
    [0.3651, 0.4232, 0.4341],
    [-0.2533, -0.0042, 0.1068],
    [0.1076, 0.1111, -0.0362],
    [-0.3165, -0.2492, -0.2188],
];
const PUBLISHED_BIAS: [f32; 3] = [0.1084, -0.0175, -0.0011];

/// Colours of a latent's channels.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentRgb {
    /// Of each channel, what it adds to red, green and blue, which go from -1 to 1.
    factors: Vec<[f32; 3]>,
    bias: [f32; 3],
}

impl VaeConfig {
    /// The map that its config names, or that of the published VAE; `None` where that cannot be its map.
    pub fn latent_rgb(&self) -> Option<LatentRgb> {
        let (factors, bias) = match &self.latent_rgb_factors {
            Some(factors) => (
                factors.clone(),
                self.latent_rgb_factors_bias.unwrap_or_default(),
            ),
            None => (PUBLISHED.to_vec(), PUBLISHED_BIAS),
        };
        (factors.len() == self.latent_channels).then_some(LatentRgb { factors, bias })
    }
}

impl LatentRgb {
    /// A picture of the values of one latent, `[height, width, latent]`, as the UNet sees them.
    pub fn image(&self, latent: &[f32], height: usize, width: usize) -> Result<Image> {
        let pixels = latent.chunks(self.factors.len());
        let values = pixels.flat_map(|pixel| {
            let add = |rgb: [f32; 3], (value, factors): (&f32, &[f32; 3])| {
                [0, 1, 2].map(|i| rgb[i] + value * factors[i])
            };
            pixel.iter().zip(&self.factors).fold(self.bias, add)
        });
        Image::from_decoded(&values.collect::<Vec<f32>>(), height, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_is_mapped_and_kept_within_range() {
        let map = LatentRgb {
            factors: vec![[1.0, 0.0, -1.0], [0.0, 0.5, 0.0]],
            bias: [0.0, -1.0, 0.0],
        };
        let image = map.image(&[1.0, 2.0, -3.0, 4.0], 1, 2).unwrap();
        assert_eq!((image.height, image.width), (1, 2));
        assert_eq!(image.rgb, [255, 128, 0, 0, 255, 255]);
        assert!(map.image(&[f32::NAN, 0.0], 1, 1).is_err());
    }
}
