//! Pixels of a canvas to the pictures that a request starts from, and latents back to numbers.

use js_sys::{Reflect, Uint8Array, Uint8ClampedArray};
use wasm_bindgen::{JsCast, JsValue};

use crate::pipeline::Latents;
use crate::{Error, Image, Inputs, Mask, Result};

/// Red, green, blue and opacity.
const CHANNELS: usize = 4;

/// `null`, or an object with `image` and `mask`.
pub(super) fn parse(inputs: &JsValue) -> Result<Inputs> {
    if !inputs.is_object() {
        return Ok(Inputs::default());
    }
    let image = pixels(inputs, "image")?.map(Pixels::into_image);
    let mask = pixels(inputs, "mask")?.map(Pixels::into_mask);
    Ok(Inputs {
        image: image.transpose()?,
        mask: mask.transpose()?,
    })
}

/// `{ shape, values }`.
pub(super) fn latents(latents: &JsValue) -> Result<Latents> {
    let field = "latents";
    let get = |key: &str| Reflect::get(latents, &key.into());
    let (Ok(shape), Ok(values)) = (get("shape"), get("values")) else {
        return Err(refuse(field, "needs shape and values"));
    };
    let shape = serde_wasm_bindgen::from_value(shape);
    let shape: [usize; 4] =
        shape.map_err(|_| refuse(field, "needs a shape of four whole numbers"))?;
    let Some(values) = values.dyn_ref::<Uint8Array>() else {
        return Err(refuse(field, "needs values as bytes"));
    };
    let bytes = values.to_vec();
    let (values, rest) = bytes.as_chunks();
    match rest.is_empty() {
        true => Ok(Latents {
            shape,
            values: values
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
        }),
        false => Err(refuse(field, "needs four bytes for each value")),
    }
}

struct Pixels {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Pixels {
    fn into_image(self) -> Result<Image> {
        let pixels = self.data.chunks(CHANNELS);
        let rgb = pixels.flat_map(|pixel| &pixel[..CHANNELS - 1]).copied();
        Image::from_rgb(rgb.collect(), self.height, self.width)
    }

    fn into_mask(self) -> Result<Mask> {
        let levels: Vec<u8> = self.data.chunks(CHANNELS).map(grey).collect();
        Mask::from_levels(&levels, self.height, self.width)
    }
}

/// The luma of ITU-R BT.601, as Pillow turns pictures grey.
fn grey(pixel: &[u8]) -> u8 {
    let weighted = pixel.iter().zip([299, 587, 114]);
    let sum: u32 = weighted
        .map(|(&level, weight)| u32::from(level) * weight)
        .sum();
    ((sum + 500) / 1000) as u8
}

fn pixels(inputs: &JsValue, field: &'static str) -> Result<Option<Pixels>> {
    let get = |object: &JsValue, key: &str| Reflect::get(object, &key.into()).ok();
    let Some(found) = get(inputs, field).filter(JsValue::is_object) else {
        return Ok(None);
    };
    let side = |key| {
        let side = get(&found, key).and_then(|side| side.as_f64());
        side.filter(|side| side.fract() == 0.0 && *side >= 1.0)
    };
    let (Some(width), Some(height), Some(data)) =
        (side("width"), side("height"), get(&found, "data"))
    else {
        return Err(refuse(field, "needs width, height and data"));
    };
    if !data.is_instance_of::<Uint8Array>() && !data.is_instance_of::<Uint8ClampedArray>() {
        return Err(refuse(field, "needs data of bytes, as a canvas gives it"));
    }
    let (width, height) = (width as usize, height as usize);
    let data = Uint8Array::new(&data);
    if width
        .checked_mul(height)
        .and_then(|area| area.checked_mul(CHANNELS))
        != Some(data.length() as usize)
    {
        return Err(refuse(field, "needs four bytes for each pixel"));
    }
    let data = data.to_vec();
    Ok(Some(Pixels {
        width,
        height,
        data,
    }))
}

fn refuse(field: &'static str, problem: &str) -> Error {
    let problem = problem.to_owned();
    Error::BadRequest { field, problem }
}
