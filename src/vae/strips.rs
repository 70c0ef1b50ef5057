//! Feature maps in horizontal strips, for pictures whose maps are larger than what the device can bind.
//!
//! Exact, without seams: a convolution reads the rows it needs from the neighbouring strips, and GroupNorm takes the
//! statistics of all of them. A strip is normalized only when a convolution reads it, so no normalized map is ever stored,
//! and let go of as soon as nothing needs it any more. A map that is one strip goes through the same operations once.

use std::iter;
use std::ops::Range;

use burn::tensor::Tensor;

use crate::Result;
use crate::device::reclaim;
use crate::kernels::breathe;
use crate::nn::{Conv2d, GroupNorm, Resnet};

/// A map `[batch, height, width, channels]` as strips from the top, all of the same number of rows but the last.
#[derive(Clone)]
pub(super) struct Strips {
    strips: Vec<Tensor<4>>,
    /// Rows above the first strip, which are gone.
    above: usize,
}

impl Strips {
    /// Cuts a map into strips of some rows.
    pub fn cut(map: &Tensor<4>, rows: usize) -> Self {
        let [_, height, _, _] = map.dims();
        let strips = (0..height)
            .step_by(rows)
            .map(|first| part(map, first..(first + rows).min(height)));
        strips.collect()
    }

    /// The whole map.
    pub fn join(mut self) -> Tensor<4> {
        match self.strips.len() {
            1 => self.strips.remove(0),
            _ => Tensor::cat(self.strips, 1),
        }
    }

    /// The strips.
    pub fn as_slice(&self) -> &[Tensor<4>] {
        &self.strips
    }

    /// Gives the memory of smaller maps back, which no strip of the next ones would fit in.
    pub fn give_back_the_rest(&self) {
        reclaim(&self.strips[0].device());
    }

    /// Both convolutions of a residual block without time embedding, each after its norm; see [`Resnet::forward`].
    pub async fn resnet(self, resnet: &Resnet) -> Result<Self> {
        let h = self
            .clone()
            .convolve_normalized(&resnet.norm1, &resnet.conv1);
        let h = Self::gather(h).await?;
        let statistics = GroupNorm::statistics(&h.strips);
        let norm = |rows| resnet.norm2.apply_silu(rows, &statistics);
        let shortcuts = self.strips.into_iter().map(|x| Some(resnet.shortcut(x)));
        Self::gather(h.convolve_prepared(&resnet.conv2, 1, norm, shortcuts)).await
    }

    /// All strips of a map, one after the other, with time to [`breathe`] between them.
    pub async fn gather(strips: impl Iterator<Item = Tensor<4>>) -> Result<Self> {
        let mut gathered = Vec::new();
        for strip in strips {
            breathe(&strip).await?;
            gathered.push(strip);
        }
        Ok(gathered.into_iter().collect())
    }

    /// The convolution of the map after GroupNorm and SiLU, as strips.
    pub fn convolve_normalized<'a>(
        self,
        norm: &'a GroupNorm,
        conv: &'a Conv2d,
    ) -> impl Iterator<Item = Tensor<4>> + 'a {
        let statistics = GroupNorm::statistics(&self.strips);
        let norm = move |rows| norm.apply_silu(rows, &statistics);
        self.convolve_prepared(conv, 1, norm, iter::repeat(None))
    }

    /// The convolution of the map, resized to `upscale` times its size, as strips.
    pub fn convolve(self, conv: &Conv2d, upscale: usize) -> impl Iterator<Item = Tensor<4>> {
        self.convolve_prepared(conv, upscale, |rows| rows, iter::repeat(None))
    }

    /// `residuals` are added to the strips of the output.
    fn convolve_prepared<'a>(
        mut self,
        conv: &'a Conv2d,
        upscale: usize,
        prepare: impl Fn(Tensor<4>) -> Tensor<4> + 'a,
        residuals: impl Iterator<Item = Option<Tensor<4>>> + 'a,
    ) -> impl Iterator<Item = Tensor<4>> + 'a {
        let [_, rows, width, _] = self.strips[0].dims();
        let height = self.strips.iter().map(|strip| strip.dims()[1]).sum();
        let window = conv.window([height, width], [height * upscale, width * upscale]);
        let ([height, _], rows) = (window.output, rows * upscale / window.stride);
        let firsts = (0..height).step_by(rows).zip(residuals);
        firsts.map(move |(first, residual)| {
            let (needed, window) = window.rows(first..(first + rows).min(height));
            self.forget_above(needed.start);
            conv.forward_window(prepare(self.rows(needed)), window, residual)
        })
    }

    /// Some rows of the map.
    fn rows(&self, rows: Range<usize>) -> Tensor<4> {
        let mut top = self.above;
        let mut parts = Vec::new();
        for strip in &self.strips {
            let bottom = top + strip.dims()[1];
            let (first, last) = (rows.start.max(top), rows.end.min(bottom));
            if first < last {
                parts.push(part(strip, first - top..last - top));
            }
            top = bottom;
        }
        parts.into_iter().collect::<Self>().join()
    }

    fn forget_above(&mut self, row: usize) {
        while let Some(strip) = self.strips.first() {
            let bottom = self.above + strip.dims()[1];
            if bottom > row {
                break;
            }
            self.above = bottom;
            self.strips.remove(0);
        }
    }
}

impl FromIterator<Tensor<4>> for Strips {
    fn from_iter<I: IntoIterator<Item = Tensor<4>>>(strips: I) -> Self {
        Self {
            strips: strips.into_iter().collect(),
            above: 0,
        }
    }
}

/// Some rows of a map; all of them cost nothing.
fn part(map: &Tensor<4>, rows: Range<usize>) -> Tensor<4> {
    match map.dims()[1] == rows.len() {
        true => map.clone(),
        false => map.clone().narrow(1, rows.start, rows.len()),
    }
}
