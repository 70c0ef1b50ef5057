//! The matrix product behind linear layers and convolutions. GPU: gemm.wgsl and the parts named there.

use burn::backend::wgpu::into_contiguous;
use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{MAX_GROUPS, Wgsl, launch_in_parts};
use super::{Packing, tuning};

/// Rows up to which the invocations of a workgroup share out a row instead of the rows.
const NARROW_ROWS: usize = 8;

/// What one product has besides its tensors.
pub(super) struct Product {
    /// Where a row's input lies: a name and the source of `row_start`.
    pub input: (&'static str, &'static str),
    /// Rows of the output.
    pub rows: usize,
    /// Pieces of a row of the weight that the input is looked up for one by one, and values of each.
    pub taps: usize,
    pub channels: usize,
    /// Whether the second half of the weight's rows are gates of the first.
    pub gated: bool,
    /// What else `input` has to know.
    pub geometry: [u32; 10],
}

/// Which main function makes the output, and how large a piece of it a workgroup makes.
struct Variant {
    name: &'static str,
    parts: &'static [&'static str],
    tile: [usize; 2],
}

const LARGE: Variant = Variant {
    name: "large",
    parts: &[
        include_str!("gemm_large.wgsl"),
        include_str!("gemm_tiles.wgsl"),
    ],
    tile: [128, 128],
};
const SMALL: Variant = Variant {
    name: "small",
    parts: &[
        include_str!("gemm_small.wgsl"),
        include_str!("gemm_tiles.wgsl"),
    ],
    tile: [64, 64],
};
const NARROW: Variant = Variant {
    name: "narrow",
    parts: &[include_str!("gemm_narrow.wgsl")],
    tile: [4, 4],
};
const SOLO: Variant = Variant {
    name: "solo",
    parts: &[include_str!("gemm_solo.wgsl")],
    tile: [32, 32],
};

impl Variant {
    fn of(rows: usize, columns: usize) -> &'static Self {
        let tuning = tuning();
        if !tuning.shared && SOLO.workgroups(rows, columns)[0] <= MAX_GROUPS {
            return &SOLO;
        }
        if rows <= NARROW_ROWS {
            return &NARROW;
        }
        match large_tiles(rows, columns) >= tuning.large_tiles_from as usize {
            true => &LARGE,
            false => &SMALL,
        }
    }

    fn workgroups(&self, rows: usize, columns: usize) -> [usize; 2] {
        [rows.div_ceil(self.tile[0]), columns.div_ceil(self.tile[1])]
    }
}

/// Large tiles that such an output is made of.
pub(super) fn large_tiles(rows: usize, columns: usize) -> usize {
    LARGE.workgroups(rows, columns).iter().product()
}

/// The product, of the given shape, with a row of `bias` added to each of as many runs of rows, and `residual`.
pub(super) fn gpu(
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    residual: Option<CubeTensor>,
    packing: Packing,
    product: &Product,
    shape: impl Into<Shape>,
) -> CubeTensor {
    let [x, bias] = [x, bias].map(into_contiguous);
    let (access, access_source) = match product.channels % 4 {
        0 => ("quads", include_str!("gemm_quads.wgsl")),
        _ => ("singles", include_str!("gemm_singles.wgsl")),
    };
    let (decoder, decode) = packing.decoder();
    let (output, columns) = match product.gated {
        // Pairs of values with their gates.
        true => ("gated", (packing.rows / 2).div_ceil(2) * 4),
        false => ("plain", packing.rows),
    };
    let variant = Variant::of(product.rows, columns);
    let (input, input_source) = product.input;
    let mut parts = vec![
        include_str!("gemm.wgsl"),
        access_source,
        input_source,
        decode,
    ];
    parts.extend(variant.parts);
    match product.gated {
        true => parts.extend([
            include_str!("gated_output.wgsl"),
            include_str!("gelu.wgsl"),
            include_str!("singles.wgsl"),
        ]),
        false => parts.push(include_str!("plain_output.wgsl")),
    }
    let kernel = Wgsl {
        name: vec!["gemm", variant.name, input, access, decoder, output],
        parts,
        value: x.dtype,
    };
    let span = product.rows / bias.meta.shape()[0];
    let mut info = [
        product.rows,
        packing.rows,
        product.taps,
        product.channels,
        span,
        usize::from(residual.is_some()),
    ]
    .map(|n| n as u32)
    .to_vec();
    info.extend(product.geometry);
    // A binding must not be empty; one that is not read may be any.
    let residual = residual.map_or_else(|| x.clone(), into_contiguous);
    let output = (x.dtype, shape);
    let workgroups = variant.workgroups(product.rows, columns);
    let multiply_adds = [product.rows, packing.rows, packing.columns].map(|n| n as u64);
    launch_in_parts(
        kernel,
        &[x, weight, bias, residual],
        output,
        &info,
        workgroups,
        multiply_adds.iter().product(),
    )
}
