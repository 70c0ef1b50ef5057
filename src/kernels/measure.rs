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
/// What is timed shall take so many seconds: a browser's clock ticks in tenths of milliseconds, or coarser.
const LONG_ENOUGH: f64 = 0.005;
const TICK: f64 = 1e-5;
/// So many of the smallest product take that long on any device.
const MOST_RUNS: usize = 128;
/// The fastest of so many counts; something else may slow down the others.
const ROUNDS: usize = 3;
/// What f16 has to gain over f32 to be worth its rounding.
const F16_GAIN: f64 = 1.1;

impl Tuning {
    /// Times the variants, in a second or two, and lets the better ones run from now on. `seconds` is a clock.
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
        let (mut rows, mut time) = (FEWEST_ROWS, self.time(alone, FEWEST_ROWS).await?);
        while time < LONG_ENOUGH && rows < MOST_ROWS {
            rows *= 2;
            time = self.time(alone, rows).await?;
        }
        if time < self.time(small, rows).await? {
            return Ok(Tuning {
                speed: speed(rows, time),
                ..alone
            });
        }

        let large = Tuning {
            large_tiles_from: 0,
            ..small
        };
        let (mut best, mut rows) = (small, FEWEST_TILED_ROWS);
        loop {
            let times = [self.time(small, rows).await?, self.time(large, rows).await?];
            let large_pays = times[1] <= times[0];
            // From where on they always do: one lucky time among few rows decides nothing.
            match (large_pays, best.large_tiles_from) {
                (true, u32::MAX) => {
                    best.large_tiles_from = super::gemm::large_tiles(rows, OUTPUTS) as u32;
                }
                (true, _) => {}
                (false, _) => best.large_tiles_from = u32::MAX,
            }
            if rows == MOST_ROWS {
                best.speed = speed(rows, times[0].min(times[1]));
                break;
            }
            rows *= 2;
        }
        if Precision::F16.check(self.device).is_ok() {
            let [f32, f16] = [
                self.time_in(DType::F32, best, rows).await?,
                self.time_in(DType::F16, best, rows).await?,
            ];
            best.f16 = f32 >= F16_GAIN * f16;
        }
        Ok(best)
    }

    async fn time(&self, tuning: Tuning, rows: usize) -> Result<f64> {
        self.time_in(DType::F32, tuning, rows).await
    }

    /// Seconds of one product.
    async fn time_in(&self, dtype: DType, tuning: Tuning, rows: usize) -> Result<f64> {
        tune(tuning);
        let x = Tensor::<2>::ones([rows, INPUTS], self.device).cast(dtype);
        let run = async |count: usize| {
            let began = (self.seconds)();
            for _ in 0..count {
                linear(x.clone(), &self.weight, &self.bias, None);
            }
            settle(self.device).await?;
            // A clock of coarse steps may see nothing.
            Ok(((self.seconds)() - began).max(TICK))
        };
        // The first one compiles.
        run(1).await?;
        let (mut count, mut time) = (1, run(1).await?);
        while time < LONG_ENOUGH && count < MOST_RUNS {
            count *= 2;
            time = run(count).await?;
        }
        for _ in 1..ROUNDS {
            time = time.min(run(count).await?);
        }
        Ok(time / count as f64)
    }
}

fn speed(rows: usize, seconds: f64) -> f64 {
    (rows * INPUTS * OUTPUTS) as f64 / seconds
}
