//! Convolution over a channels-last picture as a matrix product of its patches. GPU: gemm.wgsl + patches.wgsl.

use std::ops::Range;

use burn_cubecl::tensor::CubeTensor;

use super::Packing;
use super::gemm::{self, Product};

/// Which pixels of the input each pixel of the output sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width that the input is resized to first, by nearest neighbour; the input's own where nothing is resized.
    pub resized: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Step between neighbouring outputs.
    pub stride: usize,
    /// Zero rows above and zero columns to the left, negative where the first output lies that far inside the picture; what
    /// is missing below and to the right is zero as well.
    pub padding: [isize; 2],
}

impl Window {
    /// The part of the convolution that makes these rows of the output: the rows of the input that it reads, and its window
    /// over those rows alone.
    ///
    /// # Panics
    /// If the input's height is not resized by a whole factor: nearest neighbours of a part would be others.
    pub fn rows(&self, rows: Range<usize>) -> (Range<usize>, Self) {
        let [height, width] = self.input;
        let factor = self.resized[0] / height;
        assert_eq!(
            factor * height,
            self.resized[0],
            "rows of a picture resized by a fraction"
        );
        let first = (rows.start * self.stride) as isize - self.padding[0];
        let last = ((rows.end - 1) * self.stride + self.kernel[0]) as isize - self.padding[0];
        let inside = |row: isize| row.clamp(0, self.resized[0] as isize) as usize;
        let needed = inside(first) / factor..inside(last).div_ceil(factor);
        let window = Self {
            input: [needed.len(), width],
            resized: [needed.len() * factor, self.resized[1]],
            output: [rows.len(), self.output[1]],
            padding: [(needed.start * factor) as isize - first, self.padding[1]],
            ..*self
        };
        (needed, window)
    }
}

pub(super) fn gpu(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    residual: Option<CubeTensor>,
    packing: Packing,
    window: Window,
) -> CubeTensor {
    let [batch, height, width, channels] = x.meta.shape().dims();
    let [out_height, out_width] = window.output;
    let geometry = [
        height,
        width,
        window.resized[0],
        window.resized[1],
        out_height,
        out_width,
        window.kernel[1],
        window.stride,
        // Two's complement, as the kernel reads them.
        window.padding[0] as usize,
        window.padding[1] as usize,
    ];
    let product = Product {
        input: ("patches", include_str!("patches.wgsl")),
        rows: batch * out_height * out_width,
        taps: window.kernel[0] * window.kernel[1],
        channels,
        gated: false,
        geometry: geometry.map(|n| n as u32),
    };
    let output = [batch, out_height, out_width, packing.rows];
    gemm::gpu(x, weight, bias, residual, packing, &product, output)
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn::tensor::Shape;
    use burn_flex::FlexTensor;

    use super::Window;
    use crate::kernels::Packing;
    use crate::kernels::plain::{matmul_transposed, plus, tensor, values};

    /// Patches are gathered for this many values at a time: a picture's worth of them would be nine pictures.
    const GATHER: usize = 1 << 22;

    pub fn conv2d(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        residual: Option<FlexTensor>,
        packing: Packing,
        window: Window,
    ) -> FlexTensor {
        let x = x.to_contiguous();
        let [batch, height, width, channels] = x.layout().shape().dims();
        let [out_height, out_width] = window.output;
        let rows = batch * out_height * out_width;
        let x = values(&x);
        let step = (GATHER / packing.columns).max(1);
        let mut y = Vec::with_capacity(rows * packing.rows);
        for first in (0..rows).step_by(step) {
            let last = (first + step).min(rows);
            let mut patches = Vec::with_capacity((last - first) * packing.columns);
            for row in first..last {
                let (image, pixel) = (
                    row / (out_height * out_width),
                    row % (out_height * out_width),
                );
                let image = &x[image * height * width * channels..][..height * width * channels];
                let top = (pixel / out_width * window.stride) as isize - window.padding[0];
                let left = (pixel % out_width * window.stride) as isize - window.padding[1];
                for ky in 0..window.kernel[0] as isize {
                    for kx in 0..window.kernel[1] as isize {
                        match source(top + ky, left + kx, window) {
                            Some([sy, sx]) => {
                                patches.extend_from_slice(
                                    &image[(sy * width + sx) * channels..][..channels],
                                );
                            }
                            None => patches.resize(patches.len() + channels, 0.0),
                        }
                    }
                }
            }
            let patches = tensor(patches, Shape::new([last - first, packing.columns]));
            let part = matmul_transposed(patches, weight.clone(), packing);
            y.extend_from_slice(values(&part));
        }
        let y = tensor(y, Shape::new([batch, out_height, out_width, packing.rows]));
        plus(y, &bias, residual)
    }

    fn source(y: isize, x: isize, window: Window) -> Option<[usize; 2]> {
        let inside = |at: isize, size: usize| usize::try_from(at).ok().filter(|&at| at < size);
        let (y, x) = (inside(y, window.resized[0])?, inside(x, window.resized[1])?);
        Some([
            y * window.input[0] / window.resized[0],
            x * window.input[1] / window.resized[1],
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows 4 to 8 of three kinds of 3x3 convolution over 12 rows.
    fn rows(resized: usize, stride: usize, padding: isize) -> (Range<usize>, isize) {
        let window = Window {
            input: [12, 5],
            resized: [resized, 5],
            output: [resized / stride, 5],
            kernel: [3, 3],
            stride,
            padding: [padding, 1],
        };
        let (needed, part) = window.rows(4..8);
        assert_eq!(part.input, [needed.len(), 5]);
        assert_eq!(part.output, [4, 5]);
        (needed, part.padding[0])
    }

    #[test]
    fn a_part_of_the_output_reads_its_rows_and_their_neighbours() {
        assert_eq!(rows(12, 1, 1), (3..9, 0));
        assert_eq!(rows(12, 2, 0), (8..12, 0), "the last row below is padding");
        assert_eq!(
            rows(24, 1, 1),
            (1..5, -1),
            "row 3 is the second copy of row 1"
        );
    }

    #[test]
    fn the_whole_output_is_the_window_itself() {
        let window = Window {
            input: [6, 4],
            resized: [12, 8],
            output: [12, 8],
            kernel: [3, 3],
            stride: 1,
            padding: [1, 1],
        };
        assert_eq!(window.rows(0..12), (0..6, window));
    }
}
