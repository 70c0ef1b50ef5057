// y = value * gelu(gate) of a row-major [rows, 2 * width] tensor whose rows are width values and then width gates. One
// workgroup a row.

struct Info {
    rows: u32,
    width: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> y: array<Stored>;
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
    let columns = info.width / LANES;
    let start = row * columns;
    for (var i = thread; i < columns; i += 64u) {
        let gate = Lanes(x[2u * start + columns + i]);
        y[start + i] = Stored(Lanes(x[2u * start + i]) * gelu(gate));
    }
}
