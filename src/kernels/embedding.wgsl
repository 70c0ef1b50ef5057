// y[i, :] = weight(ids[i], :). One thread a value; `weight_at` comes from one of the decode_*.wgsl files.

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
    if at.x >= info.count * info.columns {
        return;
    }
    let row = ids[at.x / info.columns];
    y[at.x] = weight_at(row, at.x % info.columns, info.rows, info.columns);
}
