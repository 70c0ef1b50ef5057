// LayerNorm over the last axis of a row-major [rows, columns] tensor. One workgroup a row.

struct Info {
    rows: u32,
    columns: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Value>;
@group(0) @binding(4) var<uniform> info: Info;

const THREADS: u32 = 64u;

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
    let start = row * info.columns;
    var sum = 0.0;
    for (var i = thread; i < info.columns; i += THREADS) {
        sum += f32(x[start + i]);
    }
    let mean = total(sum, thread) / f32(info.columns);

    var squares = 0.0;
    for (var i = thread; i < info.columns; i += THREADS) {
        let centred = f32(x[start + i]) - mean;
        squares += centred * centred;
    }
    let scale = inverseSqrt(total(squares, thread) / f32(info.columns) + info.eps);

    for (var i = thread; i < info.columns; i += THREADS) {
        y[start + i] = Value((f32(x[start + i]) - mean) * scale * gamma[i] + beta[i]);
    }
}
