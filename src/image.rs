//! Pictures: the finished one, and those that a request starts from.

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

/// Which part of a picture is to be redrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// One for each pixel, row by row.
    pub redrawn: Vec<bool>,
}

impl Mask {
    /// From levels of grey, of which the upper half is redrawn [`VaeImageProcessor.binarize`].
    pub fn from_levels(levels: &[u8], height: usize, width: usize) -> Result<Self> {
        has_pixels("mask", levels.len(), height * width)?;
        Ok(Self {
            width,
            height,
            redrawn: levels.iter().map(|&level| level >= 128).collect(),
        })
    }

    /// Shrunk by nearest neighbour: 1 where the latent is redrawn, else 0.
    pub fn shrunk(&self, scale: usize) -> Vec<f32> {
        let rows = self.redrawn.chunks(self.width).step_by(scale);
        let pixels = rows.flat_map(|row| row.iter().step_by(scale));
        pixels
            .map(|&redrawn| f32::from(u8::from(redrawn)))
            .collect()
    }
}

fn has_pixels(field: &'static str, actual: usize, expected: usize) -> Result<()> {
    if actual == expected {
        return Ok(());
    }
    let problem = format!("has {actual} values where its width and height call for {expected}");
    Err(Error::BadRequest { field, problem })
}

impl Image {
    /// From levels of red, green and blue.
    pub fn from_rgb(rgb: Vec<u8>, height: usize, width: usize) -> Result<Self> {
        has_pixels("image", rgb.len(), height * width * 3)?;
        Ok(Self { width, height, rgb })
    }

    /// As the VAE takes it: -1 to 1, channels last.
    pub fn to_encode(&self) -> Vec<f32> {
        let value = |&level: &u8| f32::from(level) / 255.0 * 2.0 - 1.0;
        self.rgb.iter().map(value).collect()
    }

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
