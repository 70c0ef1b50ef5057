//! What the kernels are compared on: shapes that do and do not divide the tiles, SDXL's and the demo model's own, in every
//! encoding. Noise is made of whole numbers, so that every machine makes the same.

use std::collections::BTreeSet;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use sdxl_web::Precision;
use sdxl_web::kernels::{self, GroupNormOptions, Packing, Tuning, Weight, Window};
use sdxl_web::weights::{Encoding, quantize};

pub const ENCODINGS: [Encoding; 4] = [Encoding::F32, Encoding::F16, Encoding::Q8, Encoding::Q4];

/// Where a kernel runs, and in what.
pub struct On<'a> {
    pub device: &'a Device,
    pub precision: Precision,
    /// Whether it is the plain twin.
    pub is_twin: bool,
}

type Work = Box<dyn Fn(&On) -> (Vec<usize>, Tensor<1>)>;

/// One shape of one kernel.
pub struct Case {
    pub what: String,
    work: Work,
}

impl Case {
    fn new<const D: usize>(what: String, work: impl Fn(&On) -> Tensor<D> + 'static) -> Self {
        let flat = move |on: &On| {
            let output = work(on).cast(DType::F32);
            let shape = output.dims().to_vec();
            let length: usize = shape.iter().product();
            (shape, output.reshape([length]))
        };
        let work = Box::new(flat);
        Self { what, work }
    }

    /// The output's shape and values.
    pub async fn run(&self, on: &On<'_>) -> (Vec<usize>, Vec<f32>) {
        let (shape, output) = (self.work)(on);
        let data = output.into_data_async().await.unwrap();
        (shape, data.try_into_vec().unwrap())
    }
}

/// Between them every variant of every kernel: of GPUs, with matrix products in large tiles or small ones, and of software
/// adapters; on a device of unknown speed, and on one so slow that everything is ordered in as many dispatches as can be.
pub fn tunings() -> [Tuning; 4] {
    let tunings = [
        (true, 0, 0.0),
        (true, u32::MAX, 0.0),
        (true, 0, 1.0),
        (false, 0, 1.0),
    ];
    tunings.map(|(shared, large_tiles_from, speed)| Tuning {
        shared,
        large_tiles_from,
        speed,
        ..Tuning::default()
    })
}

impl On<'_> {
    /// Rounded to the precision on both devices, but in f32 for the twins, which are plain.
    fn activations<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let rounded = x.cast(self.precision.dtype());
        match self.is_twin {
            true => rounded.cast(DType::F32),
            false => rounded,
        }
    }

    fn noise<const D: usize>(&self, seed: u64, shape: [usize; D]) -> Tensor<D> {
        let values = noise(seed, shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }

    fn weight(&self, encoding: Encoding, rows: usize, columns: usize) -> Weight {
        let values = noise(7, rows * columns);
        let bytes = quantize::encode(&values, &[rows, columns], encoding).unwrap();
        let packing = Packing {
            encoding,
            rows,
            columns,
        };
        Weight::from_bytes(&bytes, packing, self.device)
    }
}

/// Of about the deviation 1: sums of the four bytes of the numbers of a generator (Marsaglia's xorshift).
fn noise(seed: u64, count: usize) -> Vec<f32> {
    const MEAN: f32 = 510.0;
    const DEVIATION: f32 = 148.0;
    let mut state = (seed + 1) * 0x9e37_79b9_7f4a_7c15;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [a, b, c, d, ..] = state.to_le_bytes().map(f32::from);
        (a + b + c + d - MEAN) / DEVIATION
    };
    (0..count).map(next).collect()
}

/// Weights of SDXL's size are compared in the encoding that they have by default.
fn is_left_out(encoding: Encoding, values: usize) -> bool {
    encoding != Encoding::Q8 && values > 1 << 17
}

/// Ragged ones, then SDXL's: time embeddings, prompts of both encoders, and the deepest and widest of its transformers'
/// layers over a few tokens.
const PRODUCTS: [[usize; 3]; 22] = [
    [1, 32, 64],
    [77, 96, 33],
    [64, 64, 64],
    [130, 70, 65],
    [3, 1, 1],
    [2, 63, 3],
    [8, 260, 10],
    [9, 260, 10],
    [200, 45, 129],
    [128, 16, 128],
    [129, 17, 257],
    [65, 320, 640],
    [2, 320, 1280],
    [2, 2816, 1280],
    [2, 1280, 320],
    [77, 768, 768],
    [77, 768, 3072],
    [154, 2048, 640],
    [154, 1280, 1280],
    [128, 640, 640],
    [96, 1280, 2560],
    [70, 5120, 1280],
];

/// [rows, inputs, outputs] and runs of rows with a bias of their own.
const ADDED: [([usize; 3], usize); 8] = [
    ([2, 64, 6], 2),
    ([6, 33, 10], 3),
    ([64, 32, 128], 1),
    ([100, 36, 66], 4),
    ([130, 20, 262], 2),
    ([129, 64, 2], 1),
    ([256, 45, 140], 2),
    ([154, 640, 320], 2),
];

pub fn linear() -> Vec<Case> {
    let mut cases = Vec::new();
    for encoding in ENCODINGS {
        for [rows, inputs, outputs] in PRODUCTS {
            if is_left_out(encoding, inputs * outputs) {
                continue;
            }
            let what = format!("linear {encoding} {rows}x{inputs}x{outputs}");
            cases.push(Case::new(what, move |on| {
                let weight = on.weight(encoding, outputs, inputs);
                let x = on.activations(on.noise(1, [rows, inputs]));
                kernels::linear(x, &weight, &on.noise(2, [1, outputs]), None)
            }));
        }
        for ([rows, inputs, outputs], runs) in ADDED {
            for gated in [false, true] {
                let what = format!(
                    "linear {encoding} {rows}x{inputs}x{outputs}, {runs} biases, gated {gated}"
                );
                cases.push(Case::new(what, move |on| {
                    let weight = on.weight(encoding, outputs, inputs);
                    let x = on.activations(on.noise(1, [rows, inputs]));
                    let bias = on.noise(2, [runs, outputs]);
                    let residual = on.activations(on.noise(3, [rows, outputs]));
                    let product = match gated {
                        true => kernels::linear_geglu,
                        false => kernels::linear,
                    };
                    product(x, &weight, &bias, Some(residual))
                }));
            }
        }
    }
    cases
}

/// [batch, height, width, inputs, outputs], kernel, stride, padding before and after, size it is resized to.
type Convolved = ([usize; 5], usize, usize, [usize; 2], [usize; 2]);

const fn same(shape: [usize; 5]) -> Convolved {
    (shape, 3, 1, [1, 1], [shape[1], shape[2]])
}

const CONVOLVED: [Convolved; 30] = [
    same([1, 8, 8, 32, 64]),
    same([2, 7, 5, 12, 20]),
    same([1, 9, 11, 3, 7]),
    same([1, 1, 1, 4, 3]),
    same([1, 33, 17, 36, 65]),
    same([1, 1, 40, 8, 8]),
    same([1, 40, 1, 8, 8]),
    same([3, 2, 3, 20, 130]),
    same([1, 16, 16, 128, 3]),
    same([1, 16, 8, 4, 128]),
    same([2, 12, 12, 4, 320]),
    same([2, 9, 10, 320, 4]),
    same([1, 8, 9, 320, 640]),
    same([1, 6, 5, 960, 320]),
    same([1, 4, 5, 1280, 1280]),
    same([1, 3, 4, 2560, 640]),
    same([1, 5, 5, 512, 256]),
    // The demo model's.
    same([2, 16, 16, 64, 64]),
    same([2, 4, 4, 320, 160]),
    ([2, 9, 7, 16, 24], 3, 2, [1, 1], [9, 7]),
    ([1, 8, 10, 16, 5], 3, 2, [0, 1], [8, 10]),
    ([2, 10, 8, 320, 320], 3, 2, [1, 1], [10, 8]),
    ([1, 7, 7, 5, 6], 3, 2, [0, 1], [7, 7]),
    ([1, 4, 6, 12, 16], 3, 1, [1, 1], [8, 12]),
    ([1, 3, 4, 640, 640], 3, 1, [1, 1], [6, 8]),
    ([1, 8, 8, 256, 256], 3, 1, [1, 1], [16, 16]),
    ([2, 3, 4, 5, 6], 3, 1, [1, 1], [5, 7]),
    ([1, 6, 6, 8, 9], 1, 2, [0, 0], [6, 6]),
    ([1, 10, 10, 4, 4], 5, 1, [2, 2], [10, 10]),
    ([2, 6, 9, 7, 3], 4, 3, [2, 1], [6, 9]),
];

pub fn conv2d() -> Vec<Case> {
    let mut cases = parts_of_convolutions();
    for encoding in ENCODINGS {
        for ([batch, height, width, inputs, outputs], kernel, stride, padding, resized) in CONVOLVED
        {
            if is_left_out(encoding, kernel * kernel * inputs * outputs) {
                continue;
            }
            let window = Window {
                input: [height, width],
                resized,
                output: resized.map(|size| (size + padding[0] + padding[1] - kernel) / stride + 1),
                kernel: [kernel; 2],
                stride,
                padding: [padding[0] as isize; 2],
            };
            let what = format!(
                "conv2d {encoding} {batch}x{height}x{width}x{inputs} -> {outputs}, {kernel}x{kernel} by {stride}, \
                 padding {padding:?}, resized {resized:?}"
            );
            cases.push(Case::new(what, move |on| {
                let weight = on.weight(encoding, outputs, kernel * kernel * inputs);
                let x = on.activations(on.noise(1, [batch, height, width, inputs]));
                let bias = on.noise(2, [batch, outputs]);
                let shape = [batch, window.output[0], window.output[1], outputs];
                let residual = on.activations(on.noise(3, shape));
                kernels::conv2d(x, &weight, &bias, Some(residual), window)
            }));
        }
    }
    cases
}

/// Convolutions made some rows at a time, each part from the rows that it reads alone; the twin makes the whole.
fn parts_of_convolutions() -> Vec<Case> {
    let (height, width, inputs, outputs) = (12, 5, 8, 6);
    let kinds = [
        ([12, 5], 1, [1, 1]),
        ([24, 10], 1, [1, 1]),
        ([12, 5], 2, [0, 1]),
    ];
    let mut cases = Vec::new();
    for (resized, stride, padding) in kinds {
        let window = Window {
            input: [height, width],
            resized,
            output: resized.map(|size| (size + padding[0] + padding[1] - 3) / stride + 1),
            kernel: [3; 2],
            stride,
            padding: [padding[0] as isize; 2],
        };
        for rows in [1, 2, 5, 24] {
            let what = format!("conv2d {resized:?} by {stride}, {rows} rows at a time");
            cases.push(Case::new(what, move |on| {
                let weight = on.weight(Encoding::Q8, outputs, 9 * inputs);
                let x = on.activations(on.noise(1, [2, height, width, inputs]));
                let bias = on.noise(2, [1, outputs]);
                if on.is_twin {
                    return kernels::conv2d(x, &weight, &bias, None, window);
                }
                let parts = (0..window.output[0]).step_by(rows).map(|first| {
                    let last = (first + rows).min(window.output[0]);
                    let (needed, window) = window.rows(first..last);
                    let x = x.clone().narrow(1, needed.start, needed.len());
                    kernels::conv2d(x, &weight, &bias, None, window)
                });
                Tensor::cat(parts.collect(), 1)
            }));
        }
    }
    cases
}

pub fn embedding() -> Vec<Case> {
    let own = [[33, 768], [77, 768], [77, 1280], [50, 1280]];
    let ragged = [1, 2, 5, 9, 70].map(|rows| [1, 3, 31, 32, 33, 96].map(|columns| [rows, columns]));
    let mut cases = Vec::new();
    for encoding in ENCODINGS {
        for [rows, columns] in ragged.into_iter().flatten().chain(own) {
            let what = format!("embedding {encoding} {rows}x{columns}");
            cases.push(Case::new(what, move |on| {
                let ids: Vec<u32> = (0..2 * rows as u32).map(|i| i * 7 % rows as u32).collect();
                let ids = TensorData::from(ids.as_slice());
                let ids = Tensor::<1, Int>::from_data(ids, (on.device, DType::U32));
                kernels::embedding(&on.weight(encoding, rows, columns), ids)
            }));
        }
    }
    cases
}

/// Pictures of less than one slice, of one, and of several with a ragged last one; groups of one channel, of all, and of more
/// than a workgroup has threads; channels that do not come in fours, and groups that do not.
const NORMED: [([usize; 4], usize); 30] = [
    ([1, 8, 8, 64], 16),
    ([2, 5, 7, 12], 3),
    ([1, 1, 1, 8], 2),
    ([1, 33, 31, 32], 32),
    ([2, 20, 20, 30], 1),
    ([2, 32, 32, 8], 4),
    ([2, 65, 33, 12], 3),
    ([1, 4, 8, 6], 3),
    ([1, 3, 11, 5], 5),
    ([3, 9, 4, 7], 1),
    ([1, 16, 2, 260], 2),
    ([2, 6, 6, 140], 1),
    ([1, 2, 3, 63], 9),
    ([5, 1, 40, 36], 6),
    ([1, 17, 2, 1], 1),
    ([2, 1, 31, 66], 11),
    ([4, 8, 4, 2], 1),
    ([1, 1, 1, 1024], 8),
    // The demo model's.
    ([2, 16, 16, 64], 16),
    ([2, 8, 8, 96], 16),
    ([2, 4, 4, 160], 16),
    ([2, 4, 4, 320], 16),
    ([1, 48, 32, 96], 8),
    ([1, 64, 64, 32], 8),
    // SDXL's narrowest and widest, and one whose pictures are so large that a slice is longer than the shortest.
    ([1, 24, 16, 320], 32),
    ([2, 16, 16, 640], 32),
    ([2, 8, 8, 1920], 32),
    ([2, 8, 8, 2560], 32),
    ([1, 24, 24, 512], 32),
    ([1, 104, 1376, 128], 32),
];

pub fn group_norm() -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, groups) in NORMED {
        let x = move |on: &On| on.activations(on.noise(1, shape) * 3.0 + 5.0);
        let what = format!("group_norm_statistics {shape:?}");
        cases.push(Case::new(what, move |on| {
            kernels::group_norm_statistics(x(on))
        }));
        for silu in [false, true] {
            let what = format!("group_norm {shape:?} / {groups}, silu {silu}");
            cases.push(Case::new(what, move |on| {
                let statistics = kernels::group_norm_statistics(x(on));
                normed(on, x(on), &statistics, groups, silu)
            }));
        }
    }
    // The statistics of parts with means far apart, joined, are those of the whole. The first are small enough to be cut into
    // many parts.
    for &(shape, groups) in &NORMED[..8] {
        let [batch, height, width, _] = shape;
        for rows in BTreeSet::from([1, 3, 7, height]) {
            let what = format!("group_norm {shape:?} / {groups}, {rows} rows at a time");
            cases.push(Case::new(what, move |on| {
                let slope = Tensor::arange(0..height as i64, on.device).float();
                let slope = slope.reshape([1, height, 1, 1]);
                let slope = slope.expand([batch, height, width, 1]);
                let x = on.activations(on.noise(1, shape) * 3.0 + slope);
                if on.is_twin {
                    let statistics = kernels::group_norm_statistics(x.clone());
                    return normed(on, x, &statistics, groups, true);
                }
                let firsts = || (0..height).step_by(rows);
                let part = |first| x.clone().narrow(1, first, rows.min(height - first));
                let of = |first| kernels::group_norm_statistics(part(first));
                let statistics = Tensor::cat(firsts().map(of).collect(), 0);
                let parts =
                    firsts().map(|first| normed(on, part(first), &statistics, groups, true));
                Tensor::cat(parts.collect(), 1)
            }));
        }
    }
    cases
}

fn normed(on: &On, x: Tensor<4>, statistics: &Tensor<4>, groups: usize, silu: bool) -> Tensor<4> {
    let [_, _, _, channels] = x.dims();
    let options = GroupNormOptions {
        groups,
        eps: 1e-5,
        silu,
    };
    let (gamma, beta) = (on.noise(2, [channels]), on.noise(3, [channels]));
    kernels::group_norm(x, statistics, &gamma, &beta, options)
}

/// More than there may be workgroups along one axis of a dispatch.
const MANY_ROWS: [usize; 2] = [65_537, 3];

pub fn layer_norm() -> Vec<Case> {
    let ragged = [1, 3, 15, 16, 17, 77].map(|rows| [2, 5, 261, 68].map(|width| [rows, width]));
    // The demo model's and SDXL's own; more than there may be workgroups.
    let own = [
        [154, 64],
        [512, 96],
        [32, 160],
        [40, 640],
        [20, 768],
        [20, 1280],
        [9, 2048],
        MANY_ROWS,
    ];
    let case = |[rows, width]: [usize; 2]| {
        Case::new(format!("layer_norm {rows}x{width}"), move |on| {
            let x = on.activations(on.noise(1, [rows, width]) * 3.0 + 5.0);
            kernels::layer_norm(x, &on.noise(2, [width]), &on.noise(3, [width]), 1e-5)
        })
    };
    ragged.into_iter().flatten().chain(own).map(case).collect()
}

/// [batch, queries, keys, heads, width], causal.
type Attended = ([usize; 5], bool);

/// Heads of less than one slab of channels, of one, of several with a ragged last one, and of more than a workgroup has.
const WIDTHS: [usize; 20] = [
    1, 5, 8, 12, 16, 18, 20, 32, 33, 64, 65, 68, 96, 128, 130, 132, 256, 260, 512, 520,
];

/// Less than one tile of tokens, one, and several with a ragged last one; half a tile of keys; one key.
const TOKENS: [Attended; 16] = [
    ([1, 1, 1, 1, 64], false),
    ([2, 64, 64, 3, 64], false),
    ([2, 130, 77, 2, 64], false),
    ([1, 3, 1, 2, 16], false),
    ([3, 63, 300, 1, 32], false),
    ([1, 200, 32, 5, 20], false),
    ([1, 1, 160, 2, 8], false),
    ([2, 77, 77, 2, 64], true),
    ([1, 77, 77, 3, 12], true),
    ([1, 200, 200, 2, 80], true),
    ([2, 1, 1, 2, 8], true),
    ([1, 127, 65, 2, 36], false),
    ([1, 129, 129, 1, 64], true),
    ([1, 5, 81, 2, 7], false),
    ([1, 260, 260, 1, 30], true),
    ([3, 17, 49, 2, 68], false),
];

/// The demo model's, and SDXL's at a smaller batch or with fewer heads.
const OF_MODELS: [Attended; 10] = [
    ([2, 16, 16, 5, 32], false),
    ([2, 16, 77, 5, 32], false),
    ([2, 64, 64, 3, 32], false),
    ([2, 64, 77, 3, 32], false),
    ([2, 77, 77, 3, 32], true),
    ([1, 256, 256, 1, 96], false),
    ([1, 1024, 1024, 2, 64], false),
    ([1, 1024, 77, 2, 64], false),
    ([2, 77, 77, 12, 64], true),
    ([1, 300, 300, 1, 512], false),
];

pub fn attention() -> Vec<Case> {
    let widths = WIDTHS.map(|width| ([1, 66, 67, 2, width], false));
    let all = widths.into_iter().chain(TOKENS).chain(OF_MODELS);
    let mut cases: Vec<Case> = all.map(|case| attended(case, "", |x| x)).collect();
    // Scores of a thousand and more, whose exponentials are infinite in f32; they are whole numbers, and so the same on both.
    let large = [([1, 70, 200, 2, 64], false), ([1, 70, 70, 1, 100], true)];
    cases.extend(large.map(|case| attended(case, " of large scores", |x| (x * 16.0).round())));
    cases
}

fn attended(
    ([batch, queries, keys, heads, width], causal): Attended,
    of: &str,
    change: fn(Tensor<3>) -> Tensor<3>,
) -> Case {
    let what = format!(
        "attention{of} {batch}x{queries}x{keys}, {heads} heads of {width}, causal {causal}"
    );
    Case::new(what, move |on| {
        let x = |seed, tokens| {
            let noise = on.noise(seed, [batch, tokens, heads * width]);
            on.activations(change(noise))
        };
        kernels::attention(x(1, queries), x(2, keys), x(3, keys), heads, causal)
    })
}
