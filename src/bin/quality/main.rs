//! What quantization costs: a packed model with exact weights against itself in every scheme, in numbers.
//!
//! ```text
//! cargo run --release --bin pack -- path/to/model exact --weights f16
//! cargo run --release --bin quality -- exact > tables.md
//! ```
//!
//! The tables of docs/QUANTIZATION.md are its output for the demo model.

mod difference;
mod model;
mod parts;
mod pictures;
mod published;
mod scheme;
mod transformer;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::{Request, Result};

use model::requantized;
use scheme::{OF_THE_REST, OF_UNET, Scheme};

/// Measures PSNR and cosine of every quantization scheme against exact weights, on the CPU, as Markdown tables.
#[derive(Debug, Parser)]
struct Arguments {
    /// A folder that `pack --weights f16` (or f32) made of a base model
    exact: PathBuf,
    /// What to draw
    #[arg(long, default_values_t = [
        "a red apple, 3d emoji",
        "a cat face, cartoon emoji, on a blue background",
        "a pizza, flat emoji",
        "a large red circle on a white background",
        "a small blue square left of a green triangle",
        "a yellow star inside a large blue circle",
    ].map(String::from))]
    prompt: Vec<String>,
    /// Denoising steps
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Classifier-free guidance
    #[arg(long, default_value_t = 4.0)]
    guidance_scale: f64,
}

fn main() -> ExitCode {
    match pollster::block_on(run(Arguments::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let (source, manifest) = FolderSource::open(&arguments.exact)?;
    let requests: Vec<Request> = arguments
        .prompt
        .iter()
        .zip(0..)
        .map(|(prompt, seed)| Request {
            prompt: prompt.clone(),
            seed,
            steps: arguments.steps,
            guidance_scale: arguments.guidance_scale,
            ..Request::default()
        })
        .collect();
    let exact = requantized(&manifest, &source, &Scheme::EXACT).await?;
    let drawn = pictures::draw(&exact, &requests).await?;
    let probes = parts::probes(&exact, &requests[0], &drawn[0].latent).await?;
    let exact_parts = parts::outputs(&exact, &probes).await?;

    let (mut ends, mut blocks) = (Vec::new(), Vec::new());
    for scheme in OF_UNET.iter().chain(&OF_THE_REST) {
        eprintln!("{}", scheme.name);
        let model = requantized(&manifest, &source, scheme).await?;
        let megabytes = model.megabytes();
        let others = pictures::draw(&model, &requests).await?;
        ends.push(pictures::row(scheme, megabytes, &drawn, &others)?);
        if OF_UNET.iter().any(|known| known.name == scheme.name) {
            let outputs = parts::outputs(&model, &probes).await?;
            blocks.push(parts::compare(&exact_parts, &outputs));
        }
    }
    println!("{}", pictures::table(&ends, requests.len()));
    println!("{}", parts::table(&blocks));
    println!("{}", transformer::table().await?);
    Ok(())
}
