// LayerNorm over the last axis of a row-major [rows, columns] tensor. THREADS threads a row, ROWS rows a workgroup.

struct Info {
    rows: u32,
    columns: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> gamma: array<Lanes>;
@group(0) @binding(2) var<storage, read> beta: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> y: array<Stored>;
@group(0) @binding(4) var<uniform> info: Info;

@compute @workgroup_size(THREADS, ROWS)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let thread = local.x;
    let row = (id.y * groups.x + id.x) * ROWS + local.y;
    // Nothing to do past the last row, but no way out before the barriers of `total`.
    let columns = select(0u, info.columns / LANES, row < info.rows);
    let start = row * columns;
    var sum = Lanes(0.0);
    for (var i = thread; i < columns; i += THREADS) {
        sum += Lanes(x[start + i]);
    }
    let mean = total(across(sum), thread) / f32(info.columns);

    var squares = Lanes(0.0);
    for (var i = thread; i < columns; i += THREADS) {
        let centred = Lanes(x[start + i]) - mean;
        squares += centred * centred;
    }
    let scale = inverseSqrt(total(across(squares), thread) / f32(info.columns) + info.eps);

    for (var i = thread; i < columns; i += THREADS) {
        y[start + i] = Stored((Lanes(x[start + i]) - mean) * scale * gamma[i] + beta[i]);
    }
}
