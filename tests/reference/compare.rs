//! How far numbers are off, and how far they may be: the limits are those of the reference set's own README. diffusers is
//! about 1e-6 (rms, one pass) from itself when it computes in f64 instead.

use burn::tensor::Tensor;

use crate::fixture::Reference;

/// Limits for `max|a - b|` and for `rms(a - b) / rms(b)`.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub max: f64,
    pub rms: f64,
}

/// One pass of a text encoder, a UNet or half of a VAE.
pub const PASS: Tolerance = Tolerance {
    max: 1e-4,
    rms: 1e-5,
};
/// One step of a sampler.
pub const STEP: Tolerance = Tolerance {
    max: f64::INFINITY,
    rms: 1e-5,
};
/// Twenty steps of a sampler.
pub const STEPS: Tolerance = Tolerance {
    max: f64::INFINITY,
    rms: 1e-4,
};
/// The latent at the end of a pipeline.
pub const FINAL_LATENT: Tolerance = Tolerance {
    max: f64::INFINITY,
    rms: 1e-4,
};
/// Timesteps between those of the training, which are found again from their sigmas.
pub const TIMESTEP: Tolerance = Tolerance {
    max: 1e-2,
    rms: f64::INFINITY,
};
/// Random numbers.
pub const NOISE: Tolerance = Tolerance {
    max: 1e-5,
    rms: f64::INFINITY,
};
/// Tables of a scheduler, relative to each value.
const TABLE: f64 = 1e-5;
/// Share of a picture's values that may be one level off.
const LEVELS_OFF: f64 = 0.005;

/// Compares a tensor with one of the same shape; pictures and latents in [`channels_first`] order.
pub fn compare<const D: usize>(
    case: &str,
    tensor: &str,
    actual: Tensor<D>,
    expected: &Reference,
    tolerance: Tolerance,
) {
    assert_eq!(
        actual.dims().to_vec(),
        expected.shape,
        "{case}, {tensor}: shape"
    );
    let actual = actual.into_data().try_into_vec::<f32>().unwrap();
    compare_values(case, tensor, &actual, &expected.values, tolerance);
}

pub fn compare_values(
    case: &str,
    tensor: &str,
    actual: &[f32],
    expected: &[f32],
    tolerance: Tolerance,
) {
    assert_eq!(actual.len(), expected.len(), "{case}, {tensor}: length");
    let difference: Vec<f64> = actual
        .iter()
        .zip(expected)
        .map(|(a, b)| f64::from(*a) - f64::from(*b))
        .collect();
    let max = largest(&difference);
    let size = rms(expected.iter().copied().map(f64::from));
    let off = rms(difference.iter().copied());
    // Zeros are to be met exactly: an unconditional context is nothing else.
    let ratio = if off == 0.0 { 0.0 } else { off / size };
    let Tolerance {
        max: max_limit,
        rms: rms_limit,
    } = tolerance;
    report(
        case,
        tensor,
        &format!("max {max:.1e} ({max_limit:.0e}), rms {ratio:.1e} ({rms_limit:.0e})"),
        max <= max_limit && ratio <= rms_limit,
    );
}

pub fn compare_table(case: &str, table: &str, actual: &[f64], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len(), "{case}, {table}: length");
    let relative: Vec<f64> = actual
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - f64::from(*b), f64::from(*b)))
        .map(|(off, value)| if off == 0.0 { 0.0 } else { off / value })
        .collect();
    let max = largest(&relative);
    report(
        case,
        table,
        &format!("max {max:.1e} ({TABLE:.0e}) of the value"),
        max <= TABLE,
    );
}

/// Compares the bytes of two pictures.
pub fn compare_levels(case: &str, actual: &[u8], expected: &[u8]) {
    assert_eq!(actual.len(), expected.len(), "{case}, picture: length");
    let off: Vec<u8> = actual
        .iter()
        .zip(expected)
        .map(|(a, b)| a.abs_diff(*b))
        .collect();
    let max = off.iter().max().copied().unwrap_or_default();
    let share = off.iter().filter(|&&off| off != 0).count() as f64 / off.len() as f64;
    report(
        case,
        "picture",
        &format!(
            "max {max} levels (1), {:.2} % differ ({:.1} %)",
            share * 100.0,
            LEVELS_OFF * 100.0
        ),
        max <= 1 && share < LEVELS_OFF,
    );
}

/// Channels last, as the engine has pictures and latents, to channels first, as diffusers has them.
pub fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

/// The reverse of [`channels_first`].
pub fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// The limits stand in parentheses. What is not a number is within none.
fn report(case: &str, tensor: &str, difference: &str, within: bool) {
    println!("{case:<24} {tensor:<24} {difference}");
    assert!(within, "{case}, {tensor}: beyond tolerance: {difference}");
}

/// The largest magnitude, or NaN if there is one.
fn largest(values: &[f64]) -> f64 {
    let magnitudes = values.iter().map(|value| value.abs());
    magnitudes.fold(0.0, |a, b| if a.is_nan() || b <= a { a } else { b })
}

fn rms(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(|value| value * value).sum::<f64>() / count).sqrt()
}

#[test]
#[should_panic(expected = "nan, values: beyond tolerance: max NaN")]
fn values_that_are_no_numbers_are_refused() {
    compare_values("nan", "values", &[f32::NAN, 0.0], &[0.0, 0.0], NOISE);
}

#[test]
#[should_panic(expected = "nan, table: beyond tolerance: max NaN")]
fn a_table_with_no_number_is_refused() {
    compare_table("nan", "table", &[f64::NAN, 0.0], &[1.0, 0.0]);
}
