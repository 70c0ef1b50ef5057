// A workgroup of 16 x 16 invocations makes a 64 x 64 tile of y, each invocation 4 x 4 of it, walking k in slabs of 32: for
// outputs too small to give every core of a GPU a tile of gemm_large.wgsl.
//
// A slab costs an invocation 512 multiply-adds, 64 reads of four values from workgroup memory and two barriers.

const TILE: u32 = 64u;
const DEPTH: u32 = 32u;
const QUADS: u32 = DEPTH / 4u;
const SPREAD: u32 = 1u;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let m0 = (info.first_group + group.x) * TILE;
    let n0 = group.y * TILE;
    let row = tile_row(thread);
    let column = tile_column(thread);
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);

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
            let a = x_tile[k * TILE / 4u + (row ^ swap)];
            let b = w_tile[k * TILE / 4u + (column ^ swap)];
            s0 = fma(vec4<f32>(a.x), b, s0);
            s1 = fma(vec4<f32>(a.y), b, s1);
            s2 = fma(vec4<f32>(a.z), b, s2);
            s3 = fma(vec4<f32>(a.w), b, s3);
        }
    }

    let m = m0 + 4u * row;
    let n = n0 + 4u * column;
    store4(m, n, s0);
    store4(m + 1u, n, s1);
    store4(m + 2u, n, s2);
    store4(m + 3u, n, s3);
}
