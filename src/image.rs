//! The finished picture.

use crate::{Error, Result};

/// Red, green and blue of each pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Image {
    /// From the VAE's values, -1 to 1, channels last; rounded as diffusers' `VaeImageProcessor` does.
    pub fn from_decoded(values: &[f32], height: usize, width: usize) -> Result<Self> {
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::NotFinite {
                place: "the decoded picture".into(),
            });
        }
        let level =
            |value: &f32| ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
        Ok(Self {
            width,
            height,
            rgb: values.iter().map(level).collect(),
        })
    }

    /// As a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(Error::Png)?;
        writer.write_image_data(&self.rgb).map_err(Error::Png)?;
        writer.finish().map_err(Error::Png)?;
        Ok(bytes)
    }
}
