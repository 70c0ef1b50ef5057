//! Measuring time on a device that is told what to do long before it does it.

use std::future::poll_fn;
use std::pin::pin;

use burn::tensor::{DType, Tensor};

use super::Host;
use crate::pipeline::check_cancelled;
use crate::{Error, Result};

/// Work that is waited for at once is made to last about so many seconds: reading back takes up to a millisecond.
const ROUND: f64 = 0.1;
/// The most work to order at once.
const MAX_RUNS: f64 = 100.0;

/// Something that orders work from the device and gives a tensor that is there when the work is done.
pub(super) type Order<'a> = &'a dyn Fn() -> Tensor<1>;

/// Seconds that one run of something small takes on the device, once it is compiled: the median of `repeats` rounds.
pub(super) async fn throughput(
    host: &mut dyn Host,
    repeats: usize,
    order: Order<'_>,
) -> Result<f64> {
    finish(order()).await?;
    let once = round(host, order, 1).await?;
    let runs = (ROUND / once).clamp(1.0, MAX_RUNS) as usize;
    let mut rounds = Vec::new();
    if runs == 1 {
        rounds.push(once);
    }
    while rounds.len() < repeats {
        rounds.push(round(host, order, runs).await? / runs as f64);
    }
    Ok(median(rounds))
}

async fn round(host: &dyn Host, order: Order<'_>, runs: usize) -> Result<f64> {
    check_cancelled(host)?;
    let began = host.seconds();
    for _ in 1..runs {
        order();
    }
    finish(order()).await?;
    // A clock of coarse steps may see nothing.
    Ok((host.seconds() - began).max(1e-6))
}

/// What running something large took.
pub(super) struct Runs {
    /// Seconds of the first run, which compiles what is not compiled yet.
    pub first: f64,
    /// Seconds of a later one.
    pub run: f64,
    /// Of those, seconds that this thread needed to order it.
    pub order: f64,
    /// Whether all that was looked at was finite.
    pub finite: bool,
}

/// Times something large, one run at a time: the medians of `repeats` runs.
pub(super) async fn runs(
    host: &dyn Host,
    repeats: usize,
    order: impl AsyncFn() -> Result<Tensor<1>>,
) -> Result<Runs> {
    let began = host.seconds();
    let mut finite = finish(order().await?).await?.is_finite();
    let first = host.seconds() - began;
    let (mut whole, mut orders) = (Vec::new(), Vec::new());
    for _ in 0..repeats {
        check_cancelled(host)?;
        let began = host.seconds();
        let mut awake = 0.0;
        let output = timed(host, order(), &mut awake).await?;
        orders.push(awake);
        finite &= finish(output).await?.is_finite();
        whole.push(host.seconds() - began);
    }
    Ok(Runs {
        first,
        run: median(whole),
        order: median(orders),
        finite,
    })
}

/// Adds up the seconds for which this thread was busy with `work`, which waits for the device in between.
async fn timed<T>(host: &dyn Host, work: impl Future<Output = T>, awake: &mut f64) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        let began = host.seconds();
        let polled = work.as_mut().poll(context);
        *awake += host.seconds() - began;
        polled
    })
    .await
}

/// Waits until the device has computed a tensor; gives its first value.
pub(super) async fn finish(tensor: Tensor<1>) -> Result<f32> {
    let failed = |problem: String| Error::Device { problem };
    let first = tensor.narrow(0, 0, 1).cast(DType::F32);
    let data = first
        .into_data_async()
        .await
        .map_err(|error| failed(error.to_string()))?;
    let values: Vec<f32> = data
        .try_into_vec()
        .map_err(|error| failed(error.to_string()))?;
    Ok(values[0])
}

/// The middle one, or the lower of both.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

pub(super) fn milliseconds(seconds: f64) -> f64 {
    seconds * 1e3
}
