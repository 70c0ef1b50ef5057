//! The work of each network, counted and not measured.

use super::work::{Kind, Work};
use super::{Configs, decoder_work, unet_work};
use crate::weights::{ComponentName, inventory};
use crate::{Error, Result};

/// Both halves of classifier-free guidance.
pub(super) const GUIDED: usize = 2;
/// CLIP's.
pub(super) const TOKENS: usize = 77;

/// A table, in Markdown, of what a step with guidance and a decoding have to compute for a square picture.
pub fn count(configs: &Configs, size: usize) -> Result<String> {
    let vae: crate::vae::VaeConfig = inventory::read(ComponentName::Vae, &configs.vae)?;
    if !size.is_multiple_of(vae.scale()) {
        return Err(Error::BadRequest {
            field: "size",
            problem: format!("{size} is not a multiple of {}", vae.scale()),
        });
    }
    let latent = [size / vae.scale(); 2];
    let unet = |config| {
        let config = inventory::read(ComponentName::Unet, config)?;
        unet_work(&config, GUIDED, latent, TOKENS)
    };
    let mut lines = vec![
        format!("## {} at {size}x{size}, counted", configs.name),
        String::new(),
        "| network | linear | conv2d | attention | norms, in f32 | layers |".into(),
        "|---|---|---|---|---|---|".into(),
    ];
    lines.push(row("base UNet, step with guidance", &unet(&configs.unet)?));
    if let Some(refiner) = &configs.refiner {
        lines.push(row("refiner UNet, step with guidance", &unet(refiner)?));
    }
    lines.push(row("VAE decoder", &decoder_work(&vae, latent)));
    lines.push(String::new());
    Ok(lines.join("\n"))
}

fn row(name: &str, work: &Work) -> String {
    let tflop = |kind| format!("{:.3} TFLOP", work.flops_of(kind) as f64 / 1e12);
    let moved = work
        .layers()
        .map(|(layer, count)| layer.values_moved() * count as u64);
    let gigabytes = (moved.sum::<u64>() * size_of::<f32>() as u64) as f64 / 1e9;
    let layers: usize = work.layers().map(|(_, count)| count).sum();
    let [linear, conv2d, attention] = [Kind::Linear, Kind::Conv2d, Kind::Attention].map(tflop);
    format!("| {name} | {linear} | {conv2d} | {attention} | {gigabytes:.2} GB | {layers} |")
}
