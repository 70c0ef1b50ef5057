//! The committed reference set, built into the test.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

pub type Files = [(&'static str, &'static [u8])];

macro_rules! files {
    ($folder:literal: $($file:literal),* $(,)?) => {
        &[$(($file, include_bytes!(concat!($folder, $file)) as &[u8])),*]
    };
}

pub const BASE: &Files = files!("../fixtures/reference/base/":
    "manifest.json", "text_encoder-000.bin", "text_encoder_2-000.bin", "unet-000.bin", "vae-000.bin");
pub const REFINER: &Files =
    files!("../fixtures/reference/refiner/": "manifest.json", "unet-000.bin");
/// The tiny model has CLIP's real tokenizers, which the demo model has already.
pub const TOKENIZERS: &Files =
    files!("../../www/models/demo/base/": "manifest.json", "tokenizer-000.bin");
pub const DUMPS: &Files = files!("../fixtures/reference/":
    "added_conditions.json", "added_conditions.safetensors", "lora_kohya.safetensors",
    "lora_kohya_diffusers_blocks.safetensors", "lora_outputs.json", "lora_outputs.safetensors", "lora_peft.safetensors",
    "pipelines.json", "pipelines.safetensors", "prompt_weights.json", "prompt_weights.safetensors", "rng.json",
    "schedulers.json", "schedulers.safetensors", "text_encoders.json", "text_encoders.safetensors", "tokens.json",
    "transformer_head64.json", "transformer_head64.safetensors", "unet_base.json", "unet_base.safetensors",
    "unet_refiner.json", "unet_refiner.safetensors", "vae.json", "vae.safetensors");

#[wasm_bindgen(inline_js = r#"
export async function gunzip(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
"#)]
extern "C" {
    fn gunzip(bytes: Uint8Array) -> Promise;
}

pub fn find(files: &Files, name: &str) -> Option<&'static [u8]> {
    let found = files.iter().find(|(file, _)| *file == name);
    found.map(|(_, bytes)| *bytes)
}

/// The plain bytes of a shard; every shard of the fixtures is compressed.
pub async fn unpack(bytes: &[u8]) -> Result<Uint8Array, JsValue> {
    let plain = JsFuture::from(gunzip(Uint8Array::from(bytes))).await?;
    Ok(plain.unchecked_into())
}
