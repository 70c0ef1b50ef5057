// y[m, n] = sum over k of input(m, k) * weight(n, k), plus bias[n].
//
// A workgroup of 16 x 16 threads makes a 64 x 64 tile of y, each thread 4 x 4 of it, walking k in slabs of 32.
// `input_row`, `input_column` and `input_at` come from rows.wgsl (linear) or patches.wgsl (convolution),
// `weight_at` from one of the decode_*.wgsl files.
//
// Must be kept in sync with gemm.rs: TILE, the order of the bindings and of Info's fields.

struct Info {
    m: u32,
    n: u32,
    k: u32,
    // Convolution only: see patches.wgsl.
    height: u32,
    width: u32,
    channels: u32,
    virtual_height: u32,
    virtual_width: u32,
    out_height: u32,
    out_width: u32,
    kernel_width: u32,
    stride: u32,
    pad_top: u32,
    pad_left: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> info: Info;

const TILE: u32 = 64u;
const DEPTH: u32 = 32u;
const QUADS: u32 = TILE / 4u;

// [k][quad of rows]: four neighbouring rows of one column share a vector.
var<workgroup> x_tile: array<vec4<f32>, DEPTH * QUADS>;
var<workgroup> w_tile: array<vec4<f32>, DEPTH * QUADS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let m0 = group.x * TILE;
    let n0 = group.y * TILE;

    // This thread fills column `fill_k` of quads `fill_quad` and `fill_quad + 8` of both tiles.
    let fill_k = thread % DEPTH;
    let fill_quad = thread / DEPTH;
    var rows: array<vec4<i32>, 8>;
    for (var i = 0u; i < 8u; i++) {
        let quad = fill_quad + (i / 4u) * 8u;
        rows[i] = input_row(m0 + quad * 4u + i % 4u);
    }

    let quad_m = thread / QUADS;
    let quad_n = thread % QUADS;
    var sum0 = vec4<f32>(0.0);
    var sum1 = vec4<f32>(0.0);
    var sum2 = vec4<f32>(0.0);
    var sum3 = vec4<f32>(0.0);

    for (var k0 = 0u; k0 < info.k; k0 += DEPTH) {
        let k = k0 + fill_k;
        let column = input_column(k);
        for (var half = 0u; half < 2u; half++) {
            let quad = fill_quad + half * 8u;
            let at = fill_k * QUADS + quad;
            let n = n0 + quad * 4u;
            x_tile[at] = vec4<f32>(
                input_at(rows[half * 4u], column),
                input_at(rows[half * 4u + 1u], column),
                input_at(rows[half * 4u + 2u], column),
                input_at(rows[half * 4u + 3u], column),
            );
            w_tile[at] = vec4<f32>(
                checked_weight(n, k),
                checked_weight(n + 1u, k),
                checked_weight(n + 2u, k),
                checked_weight(n + 3u, k),
            );
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let a = x_tile[i * QUADS + quad_m];
            let b = w_tile[i * QUADS + quad_n];
            sum0 = fma(vec4<f32>(a.x), b, sum0);
            sum1 = fma(vec4<f32>(a.y), b, sum1);
            sum2 = fma(vec4<f32>(a.z), b, sum2);
            sum3 = fma(vec4<f32>(a.w), b, sum3);
        }
        workgroupBarrier();
    }

    let m = m0 + quad_m * 4u;
    let n = n0 + quad_n * 4u;
    store(m, n, sum0);
    store(m + 1u, n, sum1);
    store(m + 2u, n, sum2);
    store(m + 3u, n, sum3);
}

fn checked_weight(n: u32, k: u32) -> f32 {
    if n >= info.n || k >= info.k {
        return 0.0;
    }
    return weight_at(n, k, info.n, info.k);
}

fn store(m: u32, n: u32, sum: vec4<f32>) {
    if m >= info.m {
        return;
    }
    for (var i = 0u; i < 4u; i++) {
        if n + i < info.n {
            y[m * info.n + n + i] = sum[i] + bias[n + i];
        }
    }
}
