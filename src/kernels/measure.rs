//! Finding out which variants pay on a device: matrix products of SDXL's kind, of more and more rows, timed in each.

use burn::tensor::{DType, Device, Tensor};

use super::{Packing, Tuning, Weight, linear, settle, tune};
use crate::weights::Encoding;
use crate::{Precision, Result};

const INPUTS: usize = 640;
const OUTPUTS: usize = 1280;
/// Few enough for a software adapter.
const FEWEST_ROWS: usize = 32;
/// From here on large tiles are tried.
const FEWEST_TILED_ROWS: usize = 128;
/// A GPU of any kind makes these in some tens of milliseconds.
const MOST_ROWS: usize = 4096;
/// After a product of so many seconds none of more rows is tried: a software adapter would take minutes.
const TOO_LONG: f64 = 0.1;
/// What is timed shall take so many seconds: a browser's clock ticks in tenths of milliseconds, or coarser.
const LONG_ENOUGH: f64 = 0.005;
const TICK: f64 = 1e-5;
/// So many of the smallest product take that long on any device.
const MOST_RUNS: usize = 128;
/// The fastest of so many counts; something else may slow down the others.
const ROUNDS: usize = 5;
/// What f16 has to gain over f32 to be worth its rounding.
const F16_GAIN: f64 = 1.1;

impl Tuning {
    /// Times the variants, in some seconds, and lets the better ones run from now on. `seconds` is a clock.
    pub async fn measure(device: &Device, seconds: &dyn Fn() -> f64) -> Result<Self> {
        let probe = Probe::new(device, seconds);
        let tuning = probe.tuning().await?;
        tune(tuning);
        Ok(tuning)
    }
}

struct Probe<'a> {
    device: &'a Device,
    seconds: &'a dyn Fn() -> f64,
    weight: Weight,
    bias: Tensor<2>,
}

impl<'a> Probe<'a> {
    fn new(device: &'a Device, seconds: &'a dyn Fn() -> f64) -> Self {
        let packing = Packing {
            encoding: Encoding::Q8,
            rows: OUTPUTS,
            columns: INPUTS,
        };
        let length = packing.encoding.byte_len(&[OUTPUTS, INPUTS]);
        // As values 60, as scales about 1.
        let bytes = vec![0x3c; length.unwrap_or_default() as usize];
        Self {
            device,
            seconds,
            weight: Weight::from_bytes(&bytes, packing, device),
            bias: Tensor::zeros([1, OUTPUTS], device),
        }
    }

    async fn tuning(&self) -> Result<Tuning> {
        let small = Tuning {
            large_tiles_from: u32::MAX,
            ..Tuning::default()
        };
        let alone = Tuning {
            shared: false,
            ..small
        };
        let mut rows = FEWEST_ROWS;
        let mut runner = self.runner(DType::F32, alone, rows).await?;
        while runner.time < LONG_ENOUGH && rows < MOST_ROWS {
            rows *= 2;
            runner = self.runner(DType::F32, alone, rows).await?;
        }
        let other = self.runner(DType::F32, small, rows).await?;
        let [of_alone, of_small] = self.race([runner, other]).await?;
        if of_alone < of_small {
            return Ok(Tuning {
                speed: speed(rows, of_alone),
                ..alone
            });
        }

        let large = Tuning {
            large_tiles_from: 0,
            ..small
        };
        let (mut best, mut rows) = (small, FEWEST_TILED_ROWS);
        loop {
            let runners = [
                self.runner(DType::F32, small, rows).await?,
                self.runner(DType::F32, large, rows).await?,
            ];
            let [of_small, of_large] = self.race(runners).await?;
            let large_pays = of_large <= of_small;
            // From where on they always do: one lucky time among few rows decides nothing.
            match (large_pays, best.large_tiles_from) {
                (true, u32::MAX) => {
                    best.large_tiles_from = super::gemm::large_tiles(rows, OUTPUTS) as u32;
                }
                (true, _) => {}
                (false, _) => best.large_tiles_from = u32::MAX,
            }
            let fastest = of_small.min(of_large);
            if rows == MOST_ROWS || fastest > TOO_LONG {
                best.speed = speed(rows, fastest);
                break;
            }
            rows *= 2;
        }
        if Precision::F16.check(self.device).is_ok() {
            let runners = [
                self.runner(DType::F32, best, rows).await?,
                self.runner(DType::F16, best, rows).await?,
            ];
            let [f32, f16] = self.race(runners).await?;
            best.f16 = f32 >= F16_GAIN * f16;
        }
        Ok(best)
    }

    /// Seconds of one product in each; by turns, so that what else the machine does slows both.
    async fn race(&self, mut runners: [Runner; 2]) -> Result<[f64; 2]> {
        for _ in 1..ROUNDS {
            for runner in &mut runners {
                let time = self.run(runner).await?;
                runner.time = runner.time.min(time);
            }
        }
        Ok(runners.map(|runner| runner.time))
    }

    /// Ready to be timed, and timed once.
    async fn runner(&self, dtype: DType, tuning: Tuning, rows: usize) -> Result<Runner> {
        let x = Tensor::<2>::ones([rows, INPUTS], self.device).cast(dtype);
        let mut runner = Runner {
            tuning,
            x,
            count: 1,
            time: 0.0,
        };
        // The first one compiles.
        self.run(&runner).await?;
        runner.time = self.run(&runner).await?;
        while runner.time * (runner.count as f64) < LONG_ENOUGH && runner.count < MOST_RUNS {
            runner.count *= 2;
            runner.time = self.run(&runner).await?;
        }
        Ok(runner)
    }

    /// Seconds of one product.
    async fn run(&self, runner: &Runner) -> Result<f64> {
        tune(runner.tuning);
        let began = (self.seconds)();
        for _ in 0..runner.count {
            linear(runner.x.clone(), &self.weight, &self.bias, None);
        }
        settle(self.device).await?;
        // A clock of coarse steps may see nothing.
        let time = ((self.seconds)() - began).max(TICK);
        Ok(time / runner.count as f64)
    }
}

/// One way to make a product.
struct Runner {
    tuning: Tuning,
    x: Tensor<2>,
    /// Products that take long enough together.
    count: usize,
    /// Seconds of one, at least.
    time: f64,
}

fn speed(rows: usize, seconds: f64) -> f64 {
    (rows * INPUTS * OUTPUTS) as f64 / seconds
}
