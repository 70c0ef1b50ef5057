//! Packs an SDXL checkpoint into shards and a manifest for the browser.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use sdxl_web::weights::pack::{Options, Progress, Report, pack};
use sdxl_web::weights::recipe::Variant;
use sdxl_web::weights::{ComponentName, Encoding, Kind};

/// Packs an SDXL checkpoint, base or refiner, into shards of at most 32 MiB and a manifest.json.
#[derive(Parser)]
struct Arguments {
    /// A diffusers folder (with model_index.json), or a single safetensors file
    checkpoint: PathBuf,
    /// The folder to write
    out: PathBuf,
    /// Which model it is [default: found out]
    #[arg(long)]
    kind: Option<KindArgument>,
    /// The model's name, shown on the page [default: the checkpoint's]
    #[arg(long)]
    name: Option<String>,
    /// How weights are stored; norms, biases and the first and last layers stay f16 in q8 and q4
    #[arg(long, default_value = "q8")]
    weights: WeightsArgument,
    /// Which of a folder's weights to read where it has several: as trained, or diffusers' fp16
    #[arg(long, default_value = "full")]
    variant: VariantArgument,
    /// Only these components, by diffusers folder name [default: all the model has]
    #[arg(long, value_delimiter = ',')]
    components: Option<Vec<ComponentName>>,
    /// A folder with model_index.json and component configs as diffusers publishes them; a single file needs it
    #[arg(long)]
    configs: Option<PathBuf>,
    /// A folder with vocab.json and merges.txt, where the model's own have none
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// A model, autoencoder folder or safetensors file to take the autoencoder from
    #[arg(long)]
    vae: Option<PathBuf>,
    /// A model, as folder or single file, to take the text encoders from
    #[arg(long)]
    text_encoders: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArgument {
    Base,
    Refiner,
}

#[derive(Clone, Copy, ValueEnum)]
enum VariantArgument {
    Full,
    Fp16,
}

#[derive(Clone, Copy, ValueEnum)]
enum WeightsArgument {
    Q8,
    Q4,
    F16,
    F32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        checkpoint: arguments.checkpoint,
        out: arguments.out,
        kind: arguments.kind.map(|kind| match kind {
            KindArgument::Base => Kind::Base,
            KindArgument::Refiner => Kind::Refiner,
        }),
        name: arguments.name,
        scheme: match arguments.weights {
            WeightsArgument::Q8 => Encoding::Q8,
            WeightsArgument::Q4 => Encoding::Q4,
            WeightsArgument::F16 => Encoding::F16,
            WeightsArgument::F32 => Encoding::F32,
        },
        variant: match arguments.variant {
            VariantArgument::Full => Variant::Full,
            VariantArgument::Fp16 => Variant::Fp16,
        },
        components: arguments.components,
        configs: arguments.configs,
        tokenizer: arguments.tokenizer,
        vae: arguments.vae,
        text_encoders: arguments.text_encoders,
    };
    let mut line = ProgressLine::start();
    let result = pack(&options, &mut |progress| line.update(progress));
    line.clear();
    match result {
        Ok(report) => {
            print_report(&report);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pack: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_report(report: &Report) {
    let shards = report.manifest.shards();
    let plain: u64 = shards.iter().map(|shard| shard.length).sum();
    let stored: u64 = shards.iter().map(|shard| shard.stored_length).sum();
    println!(
        "{} shards, {} plain, {} stored",
        shards.len(),
        megabytes(plain),
        megabytes(stored)
    );
    if let Some(first) = report.unused.first() {
        eprintln!(
            "{} tensors of the checkpoint were not needed, such as {first}",
            report.unused.len()
        );
    }
}

/// One line on stderr that is rewritten a few times a second; nothing where stderr is not a terminal.
struct ProgressLine {
    started: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl ProgressLine {
    const PAUSE: Duration = Duration::from_millis(200);

    fn start() -> Self {
        Self {
            started: Instant::now(),
            shown: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    fn update(&mut self, progress: Progress) {
        if !self.terminal
            || self
                .shown
                .is_some_and(|shown| shown.elapsed() < Self::PAUSE)
        {
            return;
        }
        self.shown = Some(Instant::now());
        let Progress {
            component,
            done,
            total,
        } = progress;
        let left =
            self.started.elapsed().as_secs_f64() * (total - done) as f64 / done.max(1) as f64;
        eprint!(
            "\r\x1b[K{component}: {} of {}, {left:.0} s left",
            megabytes(done),
            megabytes(total)
        );
        // A progress line that cannot be shown is no reason to stop.
        std::io::stderr().flush().ok();
    }

    fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
