// y[m, n] = sum over k of input[m, k] * weight[n, k], plus a bias and a residual: what linear layers and convolutions share.
//
// A row of the weight is `taps` times `channels` values; a linear layer has one tap. k is walked tap by tap, and in each four
// channels at a time, so that what a tap means for an output's input (patches.wgsl) is found once a tap. The parts of a
// kernel, put together by gemm.rs:
// - main: gemm_large.wgsl, gemm_small.wgsl, gemm_narrow.wgsl or gemm_solo.wgsl
// - where a row's input lies at a tap, `row_start`: rows.wgsl (linear) or patches.wgsl (convolution)
// - four neighbouring channels of input and weight, `input4` and `weight_at`: gemm_quads.wgsl, or gemm_singles.wgsl where the
//   number of channels is no multiple of four
// - four neighbouring values of an encoded weight, `weight4`: decode_*.wgsl
// - which row of the weight an output's column needs, and what becomes of the sums: plain_output.wgsl or gated_output.wgsl
//
// `Value`, the type of activations, is f32 or f16 and put before this source by launch.rs; sums are f32 either way.
//
// Must be kept in sync with gemm.rs: the order of the bindings and of Info's fields.

struct Info {
    // Of all workgroups along x, the first of this dispatch.
    first_group: u32,
    // Rows of the output, and rows of the weight.
    m: u32,
    n: u32,
    taps: u32,
    channels: u32,
    // Rows of the output that share a row of the bias.
    bias_span: u32,
    has_residual: u32,
    // Convolution only: see patches.wgsl.
    height: u32,
    width: u32,
    resized_height: u32,
    resized_width: u32,
    out_height: u32,
    out_width: u32,
    kernel_width: u32,
    stride: u32,
    pad_top: u32,
    pad_left: u32,
}

@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<Value>;
@group(0) @binding(4) var<storage, read_write> y: array<Value>;
@group(0) @binding(5) var<uniform> info: Info;

// The sum of row `m` of the input and row `n` of the weight, with what is added to it.
fn finished(m: u32, n: u32, sum: f32) -> f32 {
    var value = sum + bias[m / info.bias_span * info.n + n];
    if info.has_residual != 0u {
        value += f32(residual[m * info.n + n]);
    }
    return value;
}

// Of four neighbouring rows of the output. Rows past the last one read what the last one reads; they are never stored.
fn row_starts(m: u32, tap: u32) -> vec4<i32> {
    let last = info.m - 1u;
    return vec4<i32>(
        row_start(min(m, last), tap),
        row_start(min(m + 1u, last), tap),
        row_start(min(m + 2u, last), tap),
        row_start(min(m + 3u, last), tap),
    );
}
