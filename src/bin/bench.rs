//! Measures SDXL's networks on this machine's GPU, with synthetic weights of the published size.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::Device;
use clap::Parser;
use sdxl_web::bench::{self, Configs, Host, NetworkName, Options, Plan};
use sdxl_web::pipeline::{Event, Observer};
use sdxl_web::weights::Encoding;
use sdxl_web::{Result, device};
use serde::de::DeserializeOwned;

/// Measures base, refiner and VAE of SDXL on the default GPU, as a whole and layer by layer; needs no weights.
#[derive(Debug, Parser)]
struct Arguments {
    /// Side of the picture, in pixels.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// How weights are packed: q8, q4, f16 or f32.
    #[arg(long, value_parser = named::<Encoding>, default_value = "q8")]
    weights: Encoding,
    /// Keeps activations in f16, of the VAE only where its config allows it.
    #[arg(long)]
    f16: bool,
    /// One network alone: unet, refiner or vae.
    #[arg(long, value_parser = named::<NetworkName>)]
    only: Option<NetworkName>,
    /// Measurements that each median is of.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// A folder with `base` and `refiner` whose configs are used instead of SDXL's: packed, or diffusers' own.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Counts the work, and measures nothing.
    #[arg(long)]
    count: bool,
    /// Forecasts in seconds what a picture takes.
    #[arg(long)]
    forecast: bool,
    /// JSON with every layer, instead of Markdown.
    #[arg(long)]
    json: bool,
}

/// An option by the name it has in a report.
fn named<T: DeserializeOwned>(name: &str) -> std::result::Result<T, String> {
    T::deserialize(serde_json::Value::from(name)).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    match pollster::block_on(run(Arguments::parse())) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\nerror: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<String> {
    let configs = match &arguments.config {
        Some(folder) => Configs::read(folder)?,
        None => Configs::published()?,
    };
    if arguments.count {
        return bench::count(&configs, arguments.size);
    }
    let gpu = device::open().await?;
    let mut progress = Progress {
        began: Instant::now(),
        device: gpu.device.clone(),
    };
    if arguments.forecast {
        let plan = Plan {
            size: arguments.size,
            weights: arguments.weights,
            tuning: None,
            memory: None,
        };
        let told = bench::forecast(&configs, &gpu, &plan, &mut progress).await?;
        eprintln!();
        return Ok(serde_json::json!(told).to_string());
    }
    let options = Options {
        size: arguments.size,
        weights: arguments.weights,
        f16: arguments.f16,
        only: arguments.only,
        repeats: arguments.repeats,
        adapter: None,
    };
    let report = bench::run(&configs, &gpu, &options, &mut progress).await?;
    eprintln!();
    Ok(match arguments.json {
        true => serde_json::json!(report).to_string(),
        false => report.to_markdown(),
    })
}

/// One line on stderr, rewritten as the bench goes on.
struct Progress {
    began: Instant,
    device: Device,
}

impl Observer for Progress {
    fn event(&mut self, _: Event) {}
}

impl Host for Progress {
    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// What the allocator holds, which it keeps for as long as a network is loaded.
    fn gpu_bytes(&mut self) -> Option<u64> {
        Some(self.device.memory_pool_usage()?.bytes_reserved)
    }

    fn measuring(&mut self, what: &str, index: usize, count: usize) {
        let seconds = self.seconds();
        eprint!("\r\x1b[K{seconds:7.1} s  {what} {}/{count}", index + 1);
        // A progress line that cannot be written is no reason to lose the report.
        let _ = std::io::stderr().flush();
    }
}
