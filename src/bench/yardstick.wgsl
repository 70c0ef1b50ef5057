// c = a * b for row-major matrices whose sides are multiples of 128: what a plain kernel reaches that has nothing else to do,
// no encoded weights, no edges, no bias. A workgroup of 256 makes a tile of 128 x 128, an invocation 8 x 8 of it.

struct Info {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<Value>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Value>>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4<Value>>;
@group(0) @binding(3) var<uniform> info: Info;

const TILE: u32 = 128u;
const DEPTH: u32 = 16u;

// [k][row] and [k][quad of columns].
var<workgroup> a_tile: array<f32, DEPTH * TILE>;
var<workgroup> b_tile: array<vec4<f32>, DEPTH * TILE / 4u>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let m0 = group.x * TILE;
    let n0 = group.y * TILE;
    let row = thread / 16u * 8u;
    let column = thread % 16u;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    var s4 = vec4<f32>(0.0);
    var s5 = vec4<f32>(0.0);
    var s6 = vec4<f32>(0.0);
    var s7 = vec4<f32>(0.0);
    var t0 = vec4<f32>(0.0);
    var t1 = vec4<f32>(0.0);
    var t2 = vec4<f32>(0.0);
    var t3 = vec4<f32>(0.0);
    var t4 = vec4<f32>(0.0);
    var t5 = vec4<f32>(0.0);
    var t6 = vec4<f32>(0.0);
    var t7 = vec4<f32>(0.0);
    for (var k0 = 0u; k0 < info.k; k0 += DEPTH) {
        for (var i = thread; i < TILE * DEPTH / 4u; i += 256u) {
            let quad = i % (DEPTH / 4u);
            let m = i / (DEPTH / 4u);
            let values = vec4<f32>(a[((m0 + m) * info.k + k0) / 4u + quad]);
            a_tile[4u * quad * TILE + m] = values.x;
            a_tile[(4u * quad + 1u) * TILE + m] = values.y;
            a_tile[(4u * quad + 2u) * TILE + m] = values.z;
            a_tile[(4u * quad + 3u) * TILE + m] = values.w;
            let k = i / (TILE / 4u);
            b_tile[i] = vec4<f32>(b[((k0 + k) * info.n + n0) / 4u + i % (TILE / 4u)]);
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let at = k * TILE + row;
            let x = b_tile[k * TILE / 4u + column];
            let y = b_tile[k * TILE / 4u + column + 16u];
            let a0 = vec4<f32>(a_tile[at], a_tile[at + 1u], a_tile[at + 2u], a_tile[at + 3u]);
            let a4 = vec4<f32>(a_tile[at + 4u], a_tile[at + 5u], a_tile[at + 6u], a_tile[at + 7u]);
            s0 = fma(vec4<f32>(a0.x), x, s0);
            t0 = fma(vec4<f32>(a0.x), y, t0);
            s1 = fma(vec4<f32>(a0.y), x, s1);
            t1 = fma(vec4<f32>(a0.y), y, t1);
            s2 = fma(vec4<f32>(a0.z), x, s2);
            t2 = fma(vec4<f32>(a0.z), y, t2);
            s3 = fma(vec4<f32>(a0.w), x, s3);
            t3 = fma(vec4<f32>(a0.w), y, t3);
            s4 = fma(vec4<f32>(a4.x), x, s4);
            t4 = fma(vec4<f32>(a4.x), y, t4);
            s5 = fma(vec4<f32>(a4.y), x, s5);
            t5 = fma(vec4<f32>(a4.y), y, t5);
            s6 = fma(vec4<f32>(a4.z), x, s6);
            t6 = fma(vec4<f32>(a4.z), y, t6);
            s7 = fma(vec4<f32>(a4.w), x, s7);
            t7 = fma(vec4<f32>(a4.w), y, t7);
        }
        workgroupBarrier();
    }
    let m = m0 + row;
    store(m, n0, column, s0, t0);
    store(m + 1u, n0, column, s1, t1);
    store(m + 2u, n0, column, s2, t2);
    store(m + 3u, n0, column, s3, t3);
    store(m + 4u, n0, column, s4, t4);
    store(m + 5u, n0, column, s5, t5);
    store(m + 6u, n0, column, s6, t6);
    store(m + 7u, n0, column, s7, t7);
}

fn store(m: u32, n0: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
    let at = (m * info.n + n0) / 4u + column;
    c[at] = vec4<Value>(left);
    c[at + 16u] = vec4<Value>(right);
}
