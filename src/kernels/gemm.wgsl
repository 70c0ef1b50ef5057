// y[m, n] = sum over k of input[m, k] * weight[n, k], plus bias[n].
//
// A workgroup of 16 x 16 threads makes a 64 x 64 tile of y, each thread 4 x 4 of it, walking k in slabs of 32. Both inputs
// are read four neighbouring k at a time: `input_row` and `input4` come from rows.wgsl (linear) or patches.wgsl
// (convolution), `weight4` from one of the decode_*.wgsl files. Both sides are zero past the end of k.
//
// `Value`, the type of activations, is f32 or f16 and put before this source by launch.rs; sums are f32 either way.
//
// Must be kept in sync with linear.rs and conv2d.rs: TILE, the order of the bindings and of Info's fields.

struct Info {
    m: u32,
    n: u32,
    k: u32,
    // Convolution only: see patches.wgsl.
    height: u32,
    width: u32,
    channels: u32,
    resized_height: u32,
    resized_width: u32,
    out_height: u32,
    out_width: u32,
    kernel_width: u32,
    stride: u32,
    pad_top: u32,
    pad_left: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Value>;
@group(0) @binding(4) var<uniform> info: Info;

const TILE: u32 = 64u;
const DEPTH: u32 = 32u;
const QUADS: u32 = DEPTH / 4u;

// [row][quad of k]. The quads of a row are swapped about by the row's number, so that threads which read the same quad of
// neighbouring rows meet different banks.
var<workgroup> x_tile: array<vec4<f32>, TILE * QUADS>;
var<workgroup> w_tile: array<vec4<f32>, TILE * QUADS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let m0 = group.x * TILE;
    let n0 = group.y * TILE;

    // This thread fills one quad of the rows `fill` and `fill + 32` of both tiles.
    let fill = thread / QUADS;
    let fill_quad = thread % QUADS;
    let fill_at = fill * QUADS + (fill_quad ^ (fill % QUADS));
    let row0 = input_row(m0 + fill);
    let row1 = input_row(m0 + fill + 32u);

    // It sums up the rows `row + 16 i` and columns `column + 16 j`.
    let row = thread / 16u;
    let column = thread % 16u;
    var sum0 = vec4<f32>(0.0);
    var sum1 = vec4<f32>(0.0);
    var sum2 = vec4<f32>(0.0);
    var sum3 = vec4<f32>(0.0);

    for (var k0 = 0u; k0 < info.k; k0 += DEPTH) {
        let k = k0 + fill_quad * 4u;
        x_tile[fill_at] = input4(row0, k);
        x_tile[fill_at + 32u * QUADS] = input4(row1, k);
        w_tile[fill_at] = checked_weight4(n0 + fill, k);
        w_tile[fill_at + 32u * QUADS] = checked_weight4(n0 + fill + 32u, k);
        workgroupBarrier();
        for (var quad = 0u; quad < QUADS; quad++) {
            let a = row * QUADS + (quad ^ (row % QUADS));
            let b = column * QUADS + (quad ^ (column % QUADS));
            let b0 = w_tile[b];
            let b1 = w_tile[b + 16u * QUADS];
            let b2 = w_tile[b + 32u * QUADS];
            let b3 = w_tile[b + 48u * QUADS];
            let a0 = x_tile[a];
            sum0 += vec4<f32>(dot(a0, b0), dot(a0, b1), dot(a0, b2), dot(a0, b3));
            let a1 = x_tile[a + 16u * QUADS];
            sum1 += vec4<f32>(dot(a1, b0), dot(a1, b1), dot(a1, b2), dot(a1, b3));
            let a2 = x_tile[a + 32u * QUADS];
            sum2 += vec4<f32>(dot(a2, b0), dot(a2, b1), dot(a2, b2), dot(a2, b3));
            let a3 = x_tile[a + 48u * QUADS];
            sum3 += vec4<f32>(dot(a3, b0), dot(a3, b1), dot(a3, b2), dot(a3, b3));
        }
        workgroupBarrier();
    }

    store(m0 + row, n0 + column, sum0);
    store(m0 + row + 16u, n0 + column, sum1);
    store(m0 + row + 32u, n0 + column, sum2);
    store(m0 + row + 48u, n0 + column, sum3);
}

fn checked_weight4(n: u32, k: u32) -> vec4<f32> {
    if n >= info.n || k >= info.k {
        return vec4<f32>(0.0);
    }
    let inside = vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(info.k);
    return select(vec4<f32>(0.0), weight4(n, k, info.n, info.k), inside);
}

fn store(m: u32, n: u32, sum: vec4<f32>) {
    store1(m, n, sum.x);
    store1(m, n + 16u, sum.y);
    store1(m, n + 32u, sum.z);
    store1(m, n + 48u, sum.w);
}

fn store1(m: u32, n: u32, sum: f32) {
    if m < info.m && n < info.n {
        y[m * info.n + n] = Value(sum + bias[n]);
    }
}
