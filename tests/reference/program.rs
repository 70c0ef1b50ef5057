//! The command line: which sets, on which devices.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::Device;
use clap::{Parser, ValueEnum};
use sdxl_web::Precision;

use crate::cases::check::{Check, Row};
use crate::cases::set::Set;
use crate::cases::{self, GROUPS};
use crate::{folder, parity};

/// Compares the engine with a reference set of diffusers, number by number.
#[derive(Parser)]
struct Arguments {
    /// What make_reference.py wrote [default: the committed set]
    folder: Option<PathBuf>,
    /// Where to run
    #[arg(long, value_enum, default_values_t = [DeviceName::Flex, DeviceName::Wgpu])]
    device: Vec<DeviceName>,
    /// What networks compute in; f16 is for GPUs that have it
    #[arg(long, value_enum, default_value = "f32")]
    precision: PrecisionName,
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
enum DeviceName {
    /// The CPU
    Flex,
    /// The GPU, or a software one
    Wgpu,
}

#[derive(Clone, Copy, ValueEnum)]
enum PrecisionName {
    F32,
    F16,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::F16 => Precision::F16,
        }
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
    let mut runs = Vec::new();
    for device in &arguments.device {
        let (device, device_name) = match device {
            DeviceName::Flex => (Device::flex(), "CPU (flex)".to_owned()),
            DeviceName::Wgpu => match pollster::block_on(sdxl_web::device::open()) {
                Ok(gpu) => (gpu.device, "wgpu".to_owned()),
                Err(error) => {
                    eprintln!(
                        "{error}\nSet VK_DRIVER_FILES to the driver of Chromium's SwiftShader or of Mesa's lavapipe."
                    );
                    return ExitCode::FAILURE;
                }
            },
        };
        let precision = Precision::from(arguments.precision);
        if let Err(error) = precision.check(&device) {
            eprintln!("{device_name}: {error}");
            return ExitCode::FAILURE;
        }
        for (layout, set) in &sets {
            let name = match precision {
                Precision::F32 => format!("{device_name}, {layout}"),
                Precision::F16 => format!("{device_name} in f16, {layout}"),
            };
            println!("== {name}");
            let groups = GROUPS
                .iter()
                .filter(|group| {
                    arguments.only.is_empty() || arguments.only.iter().any(|g| g == *group)
                })
                .map(|group| (*group, run_group(group, set, device.clone(), &arguments)))
                .collect();
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
fn run_group(group: &'static str, set: &Set, device: Device, arguments: &Arguments) -> Vec<Row> {
    let started = Instant::now();
    let mut check = Check::new(set, device).in_precision(arguments.precision.into());
    let run = || pollster::block_on(cases::run(group, &mut check));
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => check.unread(group),
        Err(_) => check.failed(group, "", "stopped, see above"),
    }
    for row in &check.rows {
        if arguments.all || !row.passed {
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
