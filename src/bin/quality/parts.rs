//! One pass of the UNet, part by part: errors add up on the way down the table, as they do in the network.

use std::fmt::{Arguments, Write};

use burn::tensor::{Device, Tensor, TensorData};
use sdxl_web::conditioning::Conditioning;
use sdxl_web::noise::Generator;
use sdxl_web::weights::{ComponentName, Scope};
use sdxl_web::{Pipeline, Request, Result};

use super::difference::Difference;
use super::model::InMemory;
use super::pictures::values;
use super::scheme::OF_UNET;

/// Where in the training's noise levels the UNet is looked at: almost nothing but noise, half way, almost done.
const NOISE_LEVELS: [f64; 3] = [0.95, 0.5, 0.05];

/// An input of the UNet.
pub struct Probe {
    x: Tensor<4>,
    timestep: usize,
    conditioning: Conditioning,
}

/// A picture's latent under noise, at each noise level.
pub async fn probes(model: &InMemory, request: &Request, latent: &Tensor<4>) -> Result<Vec<Probe>> {
    let device = Device::flex();
    let pipeline = Pipeline::new(model.open().await?, None, device.clone())?;
    let conditionings = pipeline.encode_text(request, &mut ()).await?;
    let sigmas = model.open().await?.scheduler.training_sigmas();
    let shape = latent.dims();
    let noise = Generator::new(request.seed).normal(shape.iter().product());
    let noise = Tensor::<4>::from_data(TensorData::new(noise, shape), &device);
    let probe = |level: f64, conditioning: Conditioning| {
        let timestep = (level * sigmas.len() as f64) as usize;
        let sigma = sigmas[timestep];
        let x = (latent.clone() + noise.clone() * sigma) / sigma.hypot(1.0);
        let [batch, _, _] = conditioning.context.dims();
        Probe {
            x: x.repeat_dim(0, batch),
            timestep,
            conditioning,
        }
    };
    Ok(conditionings
        .base
        .iter()
        .flat_map(|conditioning| NOISE_LEVELS.map(|level| probe(level, conditioning.clone())))
        .collect())
}

/// The outputs of a UNet's parts: names, and numbers for each probe.
pub type Outputs = Vec<(String, Vec<Vec<f32>>)>;

pub async fn outputs(model: &InMemory, probes: &[Probe]) -> Result<Outputs> {
    let (model, device) = (model.open().await?, Device::flex());
    let init = |weights: &Scope| model.unet.init(weights);
    let unet = model
        .load(ComponentName::Unet, &device, &mut (), |_| true, init)
        .await?;
    let mut outputs: Outputs = Vec::new();
    for Probe {
        x,
        timestep,
        conditioning,
    } in probes
    {
        let Conditioning {
            context,
            pooled,
            time_ids,
        } = conditioning;
        let added = unet.embed_added(pooled.clone(), time_ids, &device);
        let mut seen = Vec::new();
        let (x, timestep) = (x.clone(), *timestep as f32);
        let context = unet.context(context);
        let mut observe = |part: Arguments, x: &Tensor<4>| {
            seen.push((part.to_string(), x.clone()));
        };
        let noise = unet
            .forward_observed(x, timestep, &context, &added, &mut observe)
            .await?;
        seen.push(("out".into(), noise));
        // Whole blocks, and not their layers.
        seen.retain(|(part, _)| part.matches('.').count() < 2 && !part.starts_with("conv"));
        for (i, (part, x)) in seen.into_iter().enumerate() {
            if outputs.len() == i {
                outputs.push((part, Vec::new()));
            }
            outputs[i].1.push(values(&x)?);
        }
    }
    Ok(outputs)
}

/// Each part's mean difference over all probes.
pub fn compare(exact: &Outputs, others: &Outputs) -> Vec<(String, Difference)> {
    let parts = exact.iter().zip(others);
    parts
        .map(|((part, exact), (_, others))| {
            let pairs = exact.iter().zip(others);
            let differences: Vec<_> = pairs.map(|(a, b)| Difference::of(a, b)).collect();
            (part.clone(), Difference::mean(&differences))
        })
        .collect()
}

pub fn table(schemes: &[Vec<(String, Difference)>]) -> String {
    let names = OF_UNET.map(|scheme| scheme.name).join(" | ");
    let mut text = format!(
        "| part | {names} |\n|{}\n",
        " --- |".repeat(OF_UNET.len() + 1)
    );
    for (i, (part, _)) in schemes.iter().flat_map(|parts| parts.iter()).enumerate() {
        if i == schemes[0].len() {
            break;
        }
        let cells: Vec<String> = schemes.iter().map(|parts| parts[i].1.to_string()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {part} | {} |", cells.join(" | "));
    }
    text
}
