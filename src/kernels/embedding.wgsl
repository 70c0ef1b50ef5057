// y[i, :] = weight[ids[i], :]. One thread for four neighbouring values; `weight4` comes from one of the decode_*.wgsl files.

struct Info {
    rows: u32,
    columns: u32,
    count: u32,
}

@group(0) @binding(0) var<storage, read> weight: array<u32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> info: Info;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    let quads = (info.columns + 3u) / 4u;
    let i = at.x / quads;
    if i >= info.count {
        return;
    }
    let column = (at.x % quads) * 4u;
    let values = weight4(ids[i], column, info.rows, info.columns);
    for (var j = 0u; j < min(4u, info.columns - column); j++) {
        y[i * info.columns + column + j] = values[j];
    }
}
