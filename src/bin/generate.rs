//! Draws a picture from a packed model, with the engine that the browser runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::Device;
use clap::{Parser, ValueEnum};
use sdxl_web::pipeline::{Event, Model, Observer, Stage};
use sdxl_web::request::Refine;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::{Error, Inputs, Pipeline, Precision, Request, Result, device};

/// Draws a picture with SDXL from a folder that `pack` made.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder that holds `base` and, where there is a refiner, `refiner`.
    model: PathBuf,
    /// What to draw.
    prompt: String,
    /// Where to write the PNG.
    #[arg(short, long, default_value = "picture.png")]
    output: PathBuf,
    /// What to keep away from; without it, the model's own unconditional input.
    #[arg(long)]
    negative_prompt: Option<String>,
    /// Of the noise, as in diffusers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Denoising steps.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// Classifier-free guidance.
    #[arg(long, default_value_t = 5.0)]
    guidance_scale: f64,
    /// Pixels; the model's own size by default.
    #[arg(long)]
    width: Option<usize>,
    /// Pixels; the model's own size by default.
    #[arg(long)]
    height: Option<usize>,
    /// Fraction of the run after which the refiner takes over.
    #[arg(long)]
    refine_at: Option<f64>,
    /// What computes.
    #[arg(long, value_enum, default_value = "cpu")]
    device: Backend,
    /// Keeps activations in f16, on a GPU that has it.
    #[arg(long)]
    f16: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Backend {
    /// The plain reference, in f32.
    Cpu,
    /// The default adapter, through wgpu.
    Gpu,
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
    let base = open(&arguments.model.join("base")).await?;
    let refiner = match arguments.refine_at {
        Some(_) => Some(open(&arguments.model.join("refiner")).await?),
        None => None,
    };
    let pipeline = match arguments.device {
        Backend::Cpu => Pipeline::new(base, refiner, Device::flex())?,
        Backend::Gpu => {
            let gpu = device::open().await?;
            Pipeline::new(base, refiner, gpu.device)?.with_largest_tensor(gpu.largest_tensor)?
        }
    };
    let pipeline = match arguments.f16 {
        true => pipeline.with_precision(Precision::F16)?,
        false => pipeline,
    };
    let side = pipeline.native_size();
    let request = Request {
        prompt: arguments.prompt,
        negative_prompt: arguments.negative_prompt,
        seed: arguments.seed,
        steps: arguments.steps,
        guidance_scale: arguments.guidance_scale,
        width: arguments.width.unwrap_or(side),
        height: arguments.height.unwrap_or(side),
        refiner: arguments
            .refine_at
            .map(|switch_at| Refine::Ensemble { switch_at }),
        ..Request::default()
    };
    let mut progress = Progress {
        started: Instant::now(),
    };
    let inputs = Inputs::default();
    for image in pipeline.generate(&request, &inputs, &mut progress).await? {
        std::fs::write(&arguments.output, image.to_png()?).map_err(|source| Error::Io {
            action: "write",
            path: arguments.output.display().to_string(),
            source,
        })?;
    }
    Ok(())
}

async fn open(folder: &Path) -> Result<Model<FolderSource>> {
    let (source, manifest) = FolderSource::open(folder)?;
    Model::open(manifest, source).await
}

/// One line on stderr for each part of the run, rewritten as it goes on.
struct Progress {
    started: Instant,
}

impl Observer for Progress {
    fn event(&mut self, event: Event) {
        let seconds = self.started.elapsed().as_secs_f64();
        match event {
            Event::Stage { stage } => eprint!("\n{seconds:7.1} s  {}", name(stage)),
            Event::Step { stage, step, steps } => {
                eprint!("\r{seconds:7.1} s  {} {step}/{steps}", name(stage))
            }
            Event::Load { .. } => return,
        }
        // A progress line that cannot be written is no reason to lose the picture.
        let _ = std::io::stderr().flush();
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Text => "text encoders",
        Stage::Encode => "VAE encoder",
        Stage::Base => "base",
        Stage::Refiner => "refiner",
        Stage::Decode => "VAE",
    }
}
