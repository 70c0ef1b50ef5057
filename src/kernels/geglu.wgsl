// y = value * gelu(gate) of a row-major [rows, 2 * width] tensor whose rows are width values and then width gates. One
// workgroup a row.

struct Info {
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;
@group(0) @binding(2) var<uniform> info: Info;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = id.y * groups.x + id.x;
    if row >= info.rows {
        return;
    }
    let start = row * info.width;
    for (var i = thread; i < info.width; i += 64u) {
        let gate = f32(x[2u * start + info.width + i]);
        y[start + i] = Value(f32(x[2u * start + i]) * gelu(gate));
    }
}
