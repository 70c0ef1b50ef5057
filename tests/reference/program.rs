//! The command line: which sets, on which devices.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::Device;
use clap::{Parser, ValueEnum};
use sdxl_web::device::{self, Gpu};
use sdxl_web::{Error, Precision};

use crate::cases::check::{Check, Row};
use crate::cases::{self, GROUPS};
use crate::{folder, parity};

const HINT: &str = "Set VK_DRIVER_FILES to a Vulkan driver, such as Mesa's lavapipe or the SwiftShader of Chromium.";

/// Compares the engine with a reference set of diffusers, number by number.
#[derive(Parser)]
struct Arguments {
    /// What make_reference.py wrote [default: the committed set]
    folder: Option<PathBuf>,
    /// Where to run [default: everywhere that this machine can]
    #[arg(long, value_enum)]
    on: Vec<Place>,
    /// Only these kinds of cases
    #[arg(long)]
    only: Vec<String>,
    /// Writes the table of all cases to this file
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Prints every comparison, and not only the worst of each case
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Place {
    /// The CPU
    Flex,
    /// The GPU, or a software one
    Wgpu,
    /// The same with networks in f16, where it has it
    WgpuF16,
}

impl Place {
    fn precision(self) -> Precision {
        match self {
            Self::Flex | Self::Wgpu => Precision::F32,
            Self::WgpuF16 => Precision::F16,
        }
    }

    /// `gpu` is opened once for all, as the process can open only one.
    fn open(self, gpu: &mut Option<Gpu>) -> Result<(Device, String), Error> {
        if self == Self::Flex {
            return Ok((Device::flex(), "CPU, f32".into()));
        }
        let gpu = match gpu.take() {
            Some(opened) => gpu.insert(opened),
            None => gpu.insert(pollster::block_on(device::open())?),
        };
        self.precision().check(&gpu.device)?;
        let name = match self.precision() {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
        };
        Ok((
            gpu.device.clone(),
            format!("wgpu on {}, {name}", gpu.adapter),
        ))
    }
}

/// What one set gave on one device.
pub struct Run {
    pub name: String,
    pub groups: Vec<(&'static str, Vec<Row>)>,
}

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let sets = folder::open(arguments.folder.as_deref());
    let places = match &arguments.on[..] {
        [] => Place::value_variants(),
        some => some,
    };
    let (mut runs, mut gpu) = (Vec::new(), None);
    for &place in places {
        let (device, place_name) = match place.open(&mut gpu) {
            Ok(opened) => opened,
            // The one thing that a device may lack.
            Err(error @ Error::BadRequest { .. }) if arguments.on.is_empty() => {
                println!("== f16 is not compared: {error}");
                continue;
            }
            Err(error) => {
                eprintln!("{error}\n{HINT}");
                return ExitCode::FAILURE;
            }
        };
        for (layout, set) in &sets {
            let name = format!("{place_name}, {layout}");
            println!("== {name}");
            let wanted = |group: &&&'static str| {
                arguments.only.is_empty() || arguments.only.iter().any(|only| only == **group)
            };
            let groups = GROUPS.iter().filter(wanted).map(|group| {
                let check = Check::new(set, device.clone()).in_precision(place.precision());
                (*group, run_group(group, check, arguments.all))
            });
            let groups = groups.collect();
            runs.push(Run { name, groups });
        }
    }
    if let Some(path) = &arguments.markdown {
        std::fs::write(path, parity::markdown(&runs)).unwrap();
    }
    let rows = || {
        runs.iter()
            .flat_map(|run| &run.groups)
            .flat_map(|(_, rows)| rows)
    };
    let failed = rows().filter(|row| !row.passed).count();
    println!("{} passed, {failed} failed", rows().count() - failed);
    if failed > 0 || rows().count() == 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// A panic fails its group and no other one.
fn run_group(group: &'static str, mut check: Check<'_>, all: bool) -> Vec<Row> {
    let started = Instant::now();
    let run = || pollster::block_on(cases::run(group, &mut check));
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => check.unread(group),
        Err(_) => check.failed(group, "", "stopped, see above"),
    }
    for row in &check.rows {
        if all || !row.passed {
            let verdict = if row.passed { "" } else { "FAILED " };
            println!(
                "{verdict}{:<24} {:<24} {}",
                row.case, row.tensor, row.difference
            );
        }
    }
    for worst in parity::worst(&check.rows) {
        println!("{group:<20} {}", worst.line());
    }
    println!("{group:<20} {:.1} s", started.elapsed().as_secs_f64());
    check.rows
}
