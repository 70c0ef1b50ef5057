//! Draws a picture from a packed model, with the engine that the browser runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::Device;
use clap::{Parser, ValueEnum};
use sdxl_web::device::Room;
use sdxl_web::kernels::Tuning;
use sdxl_web::lora::Lora;
use sdxl_web::pipeline::{Event, Model, Observer, Stage};
use sdxl_web::prompt::PromptSyntax;
use sdxl_web::request::{LoraUse, Refine};
use sdxl_web::sampling::{NoiseSchedule, Sampler, SamplingOptions, Spacing};
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::{Error, Image, Inputs, Mask, Pipeline, Precision, Request, Result, device};
use serde::de::DeserializeOwned;

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
    /// Pictures to draw together; the second is written beside the first, and so on.
    #[arg(long, default_value_t = 1)]
    images: usize,
    /// euler, euler_ancestral, dpmpp_2m, dpmpp_2m_sde, ddim, unipc or lcm.
    #[arg(long, value_parser = named::<Sampler>, default_value = "euler")]
    sampler: Sampler,
    /// default, karras or exponential.
    #[arg(long, value_parser = named::<NoiseSchedule>, default_value = "default")]
    noise_schedule: NoiseSchedule,
    /// leading, trailing or linspace; the model's own by default.
    #[arg(long, value_parser = named::<Spacing>)]
    timestep_spacing: Option<Spacing>,
    /// How far guidance is kept from changing the contrast, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    guidance_rescale: f64,
    /// A PNG to redraw, of the picture's width and height.
    #[arg(long)]
    image: Option<PathBuf>,
    /// A PNG that is light where `image` is to be redrawn.
    #[arg(long, requires = "image")]
    mask: Option<PathBuf>,
    /// How much of the schedule redraws `image`, over 0 to 1.
    #[arg(long, default_value_t = 0.5)]
    strength: f64,
    /// A LoRA's safetensors file; may be given several times.
    #[arg(long)]
    lora: Vec<PathBuf>,
    /// What the addition of the LoRA of the same place is multiplied by; 1 where there is none.
    #[arg(long, allow_negative_numbers = true)]
    lora_weight: Vec<f64>,
    /// Reads (emphasis:1.2), [its opposite] and BREAK in prompts, and prompts of any length.
    #[arg(long)]
    weighted: bool,
    /// What computes.
    #[arg(long, value_enum, default_value = "cpu")]
    device: Backend,
    /// GiB that the networks may take of a GPU.
    #[arg(long)]
    memory: Option<f64>,
    /// Keeps activations in f16, on a GPU that has it.
    #[arg(long)]
    f16: bool,
}

/// An option by the name it has in a request.
fn named<T: DeserializeOwned>(name: &str) -> std::result::Result<T, String> {
    T::deserialize(serde_json::Value::from(name)).map_err(|error| error.to_string())
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
    let mut pipeline = match arguments.device {
        Backend::Cpu => Pipeline::new(base, refiner, Device::flex())?,
        Backend::Gpu => {
            let gpu = device::open().await?;
            let memory = match arguments.memory {
                Some(gibibytes) => (gibibytes * (1u64 << 30) as f64) as u64,
                None => gpu.room.memory,
            };
            let room = Room { memory, ..gpu.room };
            let clock = Instant::now();
            Tuning::measure(&gpu.device, &|| clock.elapsed().as_secs_f64()).await?;
            Pipeline::new(base, refiner, gpu.device)?.with_room(room)?
        }
    };
    if arguments.f16 {
        pipeline = pipeline.with_precision(Precision::F16)?;
    }
    if arguments.lora_weight.len() > arguments.lora.len() {
        return Err(Error::BadRequest {
            field: "--lora-weight",
            problem: "there are more weights than LoRAs".into(),
        });
    }
    let mut loras = Vec::new();
    for (index, path) in arguments.lora.iter().enumerate() {
        let name = path.display().to_string();
        pipeline.add_lora(&Lora::parse(&name, read(path)?)?)?;
        let weight = arguments.lora_weight.get(index).copied().unwrap_or(1.0);
        loras.push(LoraUse { name, weight });
    }
    let inputs = Inputs {
        image: arguments.image.as_deref().map(read_image).transpose()?,
        mask: arguments.mask.as_deref().map(read_mask).transpose()?,
    };
    let side = |given: Option<usize>, of: fn(&Image) -> usize| {
        given
            .or(inputs.image.as_ref().map(of))
            .unwrap_or(pipeline.native_size())
    };
    let request = Request {
        prompt: arguments.prompt,
        negative_prompt: arguments.negative_prompt,
        prompt_syntax: match arguments.weighted {
            true => PromptSyntax::Weighted,
            false => PromptSyntax::Plain,
        },
        seed: arguments.seed,
        images: arguments.images,
        steps: arguments.steps,
        sampling: SamplingOptions {
            sampler: arguments.sampler,
            noise_schedule: arguments.noise_schedule,
            timestep_spacing: arguments.timestep_spacing,
        },
        guidance_scale: arguments.guidance_scale,
        guidance_rescale: arguments.guidance_rescale,
        strength: arguments.strength,
        width: side(arguments.width, |image| image.width),
        height: side(arguments.height, |image| image.height),
        refiner: arguments
            .refine_at
            .map(|switch_at| Refine::Ensemble { switch_at }),
        loras,
        ..Request::default()
    };
    let mut progress = Progress {
        started: Instant::now(),
    };
    let images = pipeline.generate(&request, &inputs, &mut progress).await?;
    for (index, image) in images.iter().enumerate() {
        let path = numbered(&arguments.output, index);
        std::fs::write(&path, image.to_png()?).map_err(io_error("write", &path))?;
    }
    Ok(())
}

/// picture.png, picture-1.png, picture-2.png, ...
fn numbered(path: &Path, index: usize) -> PathBuf {
    match (index, path.file_stem(), path.extension()) {
        (0, ..) | (_, None, _) => path.to_owned(),
        (_, Some(stem), extension) => {
            let dot = if extension.is_some() { "." } else { "" };
            let [stem, extension] =
                [stem, extension.unwrap_or_default()].map(|part| part.to_string_lossy());
            path.with_file_name(format!("{stem}-{index}{dot}{extension}"))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(io_error("read", path))
}

fn read_image(path: &Path) -> Result<Image> {
    let (levels, height, width, channels) = read_png(path)?;
    let rgb = levels.chunks(channels).flat_map(|pixel| match pixel {
        [grey] | [grey, _] => [*grey; 3],
        [red, green, blue, ..] => [*red, *green, *blue],
        [] => [0; 3],
    });
    Image::from_rgb(rgb.collect(), height, width)
}

fn read_mask(path: &Path) -> Result<Mask> {
    let image = read_image(path)?;
    let greens = image.rgb.iter().skip(1).step_by(3);
    Mask::from_levels(
        &greens.copied().collect::<Vec<_>>(),
        image.height,
        image.width,
    )
}

/// Levels, height, width, and how many levels a pixel has.
fn read_png(path: &Path) -> Result<(Vec<u8>, usize, usize, usize)> {
    let refuse = |problem: String| Error::BadRequest {
        field: "image",
        problem: format!("{}: {problem}; a PNG is needed", path.display()),
    };
    let bytes = read(path)?;
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| refuse(e.to_string()))?;
    let size = reader.output_buffer_size();
    let mut levels = vec![0; size.ok_or_else(|| refuse("it is too large".into()))?];
    let info = reader
        .next_frame(&mut levels)
        .map_err(|e| refuse(e.to_string()))?;
    levels.truncate(info.buffer_size());
    let [height, width] = [info.height as usize, info.width as usize];
    Ok((levels, height, width, info.color_type.samples()))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io {
        action,
        path,
        source,
    }
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
            Event::Compile { .. } | Event::Load { .. } => return,
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
