//! Whole runs: the final latent and the picture.

use std::fmt::Write;

use burn::tensor::{Device, Tensor};
use sdxl_web::noise::Generator;
use sdxl_web::pipeline::StartLatents;
use sdxl_web::{Error, Pipeline, Request, Result};

use super::difference::{Difference, psnr};
use super::model::InMemory;
use super::published;
use super::scheme::Scheme;

/// What a request gave.
pub struct Drawn {
    pub latent: Tensor<4>,
    levels: Vec<f32>,
}

/// Draws each request at the model's native size.
pub async fn draw(model: &InMemory, requests: &[Request]) -> Result<Vec<Drawn>> {
    let pipeline = Pipeline::new(model.open().await?, None, Device::flex())?;
    let side = pipeline.native_size();
    let mut drawn = Vec::new();
    for request in requests {
        let request = Request {
            width: side,
            height: side,
            ..request.clone()
        };
        let conditionings = pipeline.encode_text(&request, &mut ()).await?;
        let mut generator = Generator::new(request.seed);
        let start = StartLatents::default();
        let latent = pipeline
            .denoise(&request, conditionings, start, &mut generator, &mut ())
            .await?;
        let images = pipeline.decode(latent.clone(), &mut ()).await?;
        let levels = images.iter().flat_map(|image| &image.rgb);
        drawn.push(Drawn {
            latent,
            levels: levels.map(|&level| level.into()).collect(),
        });
    }
    Ok(drawn)
}

/// A line of the table.
pub struct Row {
    scheme: &'static str,
    megabytes: f64,
    published: f64,
    latents: Difference,
    psnr: Vec<f64>,
}

pub fn row(scheme: &Scheme, megabytes: f64, exact: &[Drawn], others: &[Drawn]) -> Result<Row> {
    let (mut latents, mut levels) = (Vec::new(), Vec::new());
    for (exact, other) in exact.iter().zip(others) {
        latents.push(Difference::of(
            &values(&exact.latent)?,
            &values(&other.latent)?,
        ));
        levels.push(psnr(&exact.levels, &other.levels, 255.0));
    }
    levels.sort_by(f64::total_cmp);
    Ok(Row {
        scheme: scheme.name,
        megabytes,
        published: published::gigabytes(scheme)?,
        latents: Difference::mean(&latents),
        psnr: levels,
    })
}

pub fn table(rows: &[Row], count: usize) -> String {
    let mut text = format!(
        "| scheme | weights | SDXL base's | final latent, mean of {count} | picture, median (worst) of {count} |\n| --- | --- | --- | --- | --- |\n"
    );
    for row in rows {
        let [low, high] = [(row.psnr.len() - 1) / 2, row.psnr.len() / 2].map(|i| row.psnr[i]);
        let median = (low + high) / 2.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.1} MB | {:.2} GB | {} | {median:.1} dB ({:.1} dB) |",
            row.scheme, row.megabytes, row.published, row.latents, row.psnr[0]
        );
    }
    text
}

/// The numbers of a tensor on the CPU.
pub fn values<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor.clone().into_data().try_into_vec();
    data.map_err(|error| Error::Device {
        problem: error.to_string(),
    })
}
