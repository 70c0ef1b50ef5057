//! How far numbers are off, and how far they may be: the limits are those of the reference set's own README. diffusers is
//! about 1e-6 (rms, one pass) from itself when it computes in f64 instead.

use std::fmt::Debug;
use std::rc::Rc;

use burn::tensor::{DType, Device, Tensor};
use sdxl_web::pipeline::Model;
use sdxl_web::{Pipeline, Precision};

use super::dump::{Dump, Reference};
use super::set::{Set, Shards};

/// Limits for `max|a - b|` and for `rms(a - b) / rms(b)`.
#[derive(Clone, Copy)]
pub struct Limit {
    pub max: f64,
    pub rms: f64,
}

/// How far a number may be off: by what networks compute in f32, and in f16.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub f32: Limit,
    pub f16: Limit,
}

const fn rms(f32: f64, f16: f64) -> Tolerance {
    let max = f64::INFINITY;
    Tolerance {
        f32: Limit { max, rms: f32 },
        f16: Limit { max, rms: f16 },
    }
}

/// Of what is computed in f32 either way.
pub const fn max(max: f64) -> Tolerance {
    let rms = f64::INFINITY;
    let limit = Limit { max, rms };
    Tolerance {
        f32: limit,
        f16: limit,
    }
}

/// One pass of a text encoder, a UNet or half of a VAE.
pub const PASS: Tolerance = Tolerance {
    f32: Limit {
        max: 1e-4,
        rms: 1e-5,
    },
    f16: Limit {
        max: 3e-2,
        rms: 5e-3,
    },
};
/// A part of a network. Those in the middle are larger than what goes in and comes out, so that in f16 an absolute limit
/// would say how large.
pub const PART: Tolerance = Tolerance {
    f32: PASS.f32,
    f16: Limit {
        max: f64::INFINITY,
        ..PASS.f16
    },
};
/// One pass of a UNet with the set's LoRA, which is random noise and makes the network six times as sensitive: rounding its
/// inputs alone to f16, the rest in f32, moves the output by 3.8e-4 without it, by 2.3e-3 with all of it (rms). diffusers
/// itself in f16 is 5.2e-3 off its own dump with 0.8 of it, 1.0e-2 with all.
pub const ADAPTED_PASS: Tolerance = Tolerance {
    f32: PASS.f32,
    f16: Limit {
        max: 6.0 * PASS.f16.max,
        rms: 6.0 * PASS.f16.rms,
    },
};
/// One step of a sampler.
pub const STEP: Tolerance = rms(1e-5, 1e-5);
/// Twenty steps of a sampler.
pub const STEPS: Tolerance = rms(1e-4, 1e-4);
/// The latent at the end of a pipeline.
pub const FINAL_LATENT: Tolerance = rms(1e-4, 2e-2);
/// Timesteps between those of the training.
pub const TIMESTEP: Tolerance = max(1e-2);
/// Random numbers.
pub const NOISE: Tolerance = max(1e-5);
/// Weights of a prompt's tokens.
pub const WEIGHT: Tolerance = max(1e-6);
/// Tables of a scheduler, relative to each value.
const TABLE: f64 = 1e-5;
/// Share of a picture's values that may be one level off, in f32.
const LEVELS_OFF: f64 = 0.005;
/// Levels that a picture's values may be off on average, in f16.
const LEVELS_F16: f64 = 2.0;

/// One comparison.
#[derive(Debug, Clone)]
pub struct Row {
    pub case: String,
    pub tensor: String,
    /// The largest difference, with its unit and its limit.
    pub difference: String,
    /// Largest share of a limit that was used.
    pub share: f64,
    pub passed: bool,
}

/// Runs cases on a device and keeps what was found.
pub struct Check<'a> {
    set: &'a Set,
    device: Device,
    precision: Precision,
    wanted: fn(&str) -> bool,
    dumps: Vec<(String, Rc<Dump>)>,
    pub rows: Vec<Row>,
}

impl<'a> Check<'a> {
    pub fn new(set: &'a Set, device: Device) -> Self {
        Self {
            set,
            device,
            precision: Precision::F32,
            wanted: |_| true,
            dumps: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// With networks computed so.
    pub fn in_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Only some cases, by name.
    pub fn only(mut self, wanted: fn(&str) -> bool) -> Self {
        self.wanted = wanted;
        self
    }

    pub fn device(&self) -> Device {
        self.device.clone()
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What a network is given, in the type that it is to compute in.
    pub fn given<const D: usize>(&self, tensor: &Reference) -> Tensor<D> {
        tensor.tensor(&self.device).cast(self.precision.dtype())
    }

    /// A pipeline that computes as is asked for.
    pub fn pipeline(
        &self,
        base: Model<Shards>,
        refiner: Option<Model<Shards>>,
    ) -> Pipeline<Shards> {
        let pipeline = Pipeline::new(base, refiner, self.device()).unwrap();
        pipeline.with_precision(self.precision).unwrap()
    }

    pub fn set(&self) -> &'a Set {
        self.set
    }

    /// A dump of the set.
    pub fn dump(&mut self, name: &str) -> Rc<Dump> {
        if let Some((_, dump)) = self.dumps.iter().find(|(known, _)| known == name) {
            return Rc::clone(dump);
        }
        let dump = Rc::new(self.set.dump(name, self.wanted));
        self.dumps.push((name.to_owned(), Rc::clone(&dump)));
        dump
    }

    pub async fn base(&self) -> Model<Shards> {
        self.set.base.open().await
    }

    pub async fn refiner(&self) -> Model<Shards> {
        self.set.refiner.open().await
    }

    /// A tensor of a dump that diffusers wrote and nothing here asked for is a failure: it would look like parity.
    pub fn unread(&mut self, dump: &str) {
        let dumps = std::mem::take(&mut self.dumps);
        if let Some((name, dump)) = dumps.iter().find(|(name, _)| name == dump) {
            for tensor in dump.unread() {
                self.failed(name, &tensor, "nothing was compared with it");
            }
        }
    }

    pub fn failed(&mut self, case: &str, tensor: &str, why: &str) {
        self.row(case, tensor, why.to_owned(), f64::INFINITY);
    }

    /// Compares a tensor with one of the same shape; pictures and latents in [`channels_first`] order.
    pub async fn tensor<const D: usize>(
        &mut self,
        case: &str,
        tensor: &str,
        actual: Tensor<D>,
        expected: &Reference,
        tolerance: Tolerance,
    ) {
        let shape = actual.dims().to_vec();
        if shape != expected.shape {
            let why = format!("has the shape {shape:?}, not {:?}", expected.shape);
            return self.failed(case, tensor, &why);
        }
        let data = actual.cast(DType::F32).into_data_async().await.unwrap();
        let actual = data.try_into_vec::<f32>().unwrap();
        let limit = match self.precision {
            Precision::F32 => tolerance.f32,
            Precision::F16 => tolerance.f16,
        };
        self.compare(case, tensor, &actual, &expected.values, limit);
    }

    /// Compares what is computed in f32 whatever the networks are.
    pub fn values(
        &mut self,
        case: &str,
        tensor: &str,
        actual: &[f32],
        expected: &[f32],
        tolerance: Tolerance,
    ) {
        self.compare(case, tensor, actual, expected, tolerance.f32);
    }

    fn compare(
        &mut self,
        case: &str,
        tensor: &str,
        actual: &[f32],
        expected: &[f32],
        limit: Limit,
    ) {
        if !self.same_length(case, tensor, actual.len(), expected.len()) {
            return;
        }
        let difference: Vec<f64> = actual
            .iter()
            .zip(expected)
            .map(|(a, b)| f64::from(*a) - f64::from(*b))
            .collect();
        let max = largest(&difference);
        let size = root_mean_square(expected.iter().copied().map(f64::from));
        let off = root_mean_square(difference.iter().copied());
        // Zeros are to be met exactly: an unconditional context is nothing else.
        let ratio = if off == 0.0 { 0.0 } else { off / size };
        let (difference, share) = match limit {
            Limit { max: limit, rms } if rms.is_infinite() => {
                (format!("max {max:.1e} ({limit:.0e})"), max / limit)
            }
            Limit { max: limit, rms } if limit.is_infinite() => {
                (format!("rms {ratio:.1e} ({rms:.0e})"), ratio / rms)
            }
            Limit { max: limit, rms } => (
                format!("rms {ratio:.1e} ({rms:.0e}), max {max:.1e} ({limit:.0e})"),
                largest(&[ratio / rms, max / limit]),
            ),
        };
        self.row(case, tensor, difference, share);
    }

    pub fn table(&mut self, case: &str, table: &str, actual: &[f64], expected: &[f32]) {
        if !self.same_length(case, table, actual.len(), expected.len()) {
            return;
        }
        let relative: Vec<f64> = actual
            .iter()
            .zip(expected)
            .map(|(a, b)| (a - f64::from(*b), f64::from(*b)))
            .map(|(off, value)| if off == 0.0 { 0.0 } else { off / value })
            .collect();
        let max = largest(&relative);
        let difference = format!("max {max:.1e} ({TABLE:.0e}) of the value");
        self.row(case, table, difference, max / TABLE);
    }

    /// Compares the levels of two pictures.
    pub fn levels(&mut self, case: &str, actual: &[u8], expected: &[u8]) {
        if !self.same_length(case, "picture", actual.len(), expected.len()) {
            return;
        }
        let off: Vec<u8> = actual
            .iter()
            .zip(expected)
            .map(|(a, b)| a.abs_diff(*b))
            .collect();
        if self.precision == Precision::F16 {
            let sum: u64 = off.iter().copied().map(u64::from).sum();
            let mean = sum as f64 / off.len() as f64;
            let difference = format!("mean {mean:.2} levels ({LEVELS_F16})");
            return self.row(case, "picture", difference, mean / LEVELS_F16);
        }
        let max = off.iter().max().copied().unwrap_or_default();
        let differing = off.iter().filter(|&&off| off != 0).count() as f64 / off.len() as f64;
        let difference = format!(
            "max {max} levels (1), {:.2} % differ ({:.1} %)",
            differing * 100.0,
            LEVELS_OFF * 100.0
        );
        // One level is allowed, two are not.
        let share = if max > 1 {
            f64::from(max)
        } else {
            differing / LEVELS_OFF
        };
        self.row(case, "picture", difference, share);
    }

    /// Compares what has to be the same.
    pub fn equal<T: PartialEq + Debug + ?Sized>(
        &mut self,
        case: &str,
        what: &str,
        actual: &T,
        expected: &T,
    ) {
        match actual == expected {
            true => self.row(case, what, "equal".into(), 0.0),
            false => self.failed(case, what, &format!("is {actual:?}, not {expected:?}")),
        }
    }

    fn same_length(&mut self, case: &str, tensor: &str, actual: usize, expected: usize) -> bool {
        if actual != expected {
            self.failed(
                case,
                tensor,
                &format!("has {actual} values, not {expected}"),
            );
        }
        actual == expected
    }

    /// What is not a number is within no limit.
    fn row(&mut self, case: &str, tensor: &str, difference: String, share: f64) {
        self.rows.push(Row {
            case: case.to_owned(),
            tensor: tensor.to_owned(),
            difference,
            share,
            passed: share <= 1.0,
        });
    }
}

/// Channels last, as the engine has pictures and latents, to channels first, as diffusers has them.
pub fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

/// The reverse of [`channels_first`].
pub fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// The largest magnitude, or NaN if there is one.
fn largest(values: &[f64]) -> f64 {
    let magnitudes = values.iter().map(|value| value.abs());
    magnitudes.fold(0.0, |a, b| if a.is_nan() || b <= a { a } else { b })
}

fn root_mean_square(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(|value| value * value).sum::<f64>() / count).sqrt()
}
