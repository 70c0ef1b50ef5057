// A workgroup of 16 x 16 invocations makes a 128 x 128 tile of y, each invocation 8 x 8 of it in four blocks of 4 x 4, walking
// k in slabs of 16.
//
// A slab costs an invocation 1024 multiply-adds, 64 reads of four values from workgroup memory, a block of its own to fetch
// and two barriers: four fifths of what it issues is arithmetic. The sums are 64 registers, all named, because not every
// compiler keeps an array in registers.

const TILE: u32 = 128u;
const DEPTH: u32 = 16u;
const QUADS: u32 = DEPTH / 4u;
const SPREAD: u32 = 2u;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let m0 = (info.first_group + group.x) * TILE;
    let n0 = group.y * TILE;
    let row = tile_row(thread);
    let column = tile_column(thread);
    var s0a = vec4<f32>(0.0);
    var s0b = vec4<f32>(0.0);
    var s1a = vec4<f32>(0.0);
    var s1b = vec4<f32>(0.0);
    var s2a = vec4<f32>(0.0);
    var s2b = vec4<f32>(0.0);
    var s3a = vec4<f32>(0.0);
    var s3b = vec4<f32>(0.0);
    var s4a = vec4<f32>(0.0);
    var s4b = vec4<f32>(0.0);
    var s5a = vec4<f32>(0.0);
    var s5b = vec4<f32>(0.0);
    var s6a = vec4<f32>(0.0);
    var s6b = vec4<f32>(0.0);
    var s7a = vec4<f32>(0.0);
    var s7b = vec4<f32>(0.0);

    var filler = filler(m0, n0, thread);
    var block = fetch(&filler);
    let count = slabs();
    for (var slab = 1u; slab <= count; slab++) {
        workgroupBarrier();
        put(&filler, block);
        workgroupBarrier();
        if slab < count {
            advance(&filler);
            block = fetch(&filler);
        }
        for (var k = 0u; k < DEPTH; k++) {
            let swap = k / 4u * SPREAD;
            let at = k * TILE / 4u;
            let a0 = x_tile[at + (row ^ swap)];
            let a1 = x_tile[at + 16u + (row ^ swap)];
            let b0 = w_tile[at + (column ^ swap)];
            let b1 = w_tile[at + 16u + (column ^ swap)];
            s0a = fma(vec4<f32>(a0.x), b0, s0a);
            s0b = fma(vec4<f32>(a0.x), b1, s0b);
            s1a = fma(vec4<f32>(a0.y), b0, s1a);
            s1b = fma(vec4<f32>(a0.y), b1, s1b);
            s2a = fma(vec4<f32>(a0.z), b0, s2a);
            s2b = fma(vec4<f32>(a0.z), b1, s2b);
            s3a = fma(vec4<f32>(a0.w), b0, s3a);
            s3b = fma(vec4<f32>(a0.w), b1, s3b);
            s4a = fma(vec4<f32>(a1.x), b0, s4a);
            s4b = fma(vec4<f32>(a1.x), b1, s4b);
            s5a = fma(vec4<f32>(a1.y), b0, s5a);
            s5b = fma(vec4<f32>(a1.y), b1, s5b);
            s6a = fma(vec4<f32>(a1.z), b0, s6a);
            s6b = fma(vec4<f32>(a1.z), b1, s6b);
            s7a = fma(vec4<f32>(a1.w), b0, s7a);
            s7b = fma(vec4<f32>(a1.w), b1, s7b);
        }
    }

    let m = m0 + 4u * row;
    let n = n0 + 4u * column;
    store4(m, n, s0a);
    store4(m, n + 64u, s0b);
    store4(m + 1u, n, s1a);
    store4(m + 1u, n + 64u, s1b);
    store4(m + 2u, n, s2a);
    store4(m + 2u, n + 64u, s2b);
    store4(m + 3u, n, s3a);
    store4(m + 3u, n + 64u, s3b);
    store4(m + 64u, n, s4a);
    store4(m + 64u, n + 64u, s4b);
    store4(m + 65u, n, s5a);
    store4(m + 65u, n + 64u, s5b);
    store4(m + 66u, n, s6a);
    store4(m + 66u, n + 64u, s6b);
    store4(m + 67u, n, s7a);
    store4(m + 67u, n + 64u, s7b);
}
