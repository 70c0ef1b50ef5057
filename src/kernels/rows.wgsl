
// A row-major [m, k] matrix as the input of gemm.wgsl. A row is (valid, start, 0, 0), a column (valid, k, 0, 0).

fn input_row(m: u32) -> vec4<i32> {
    return vec4<i32>(i32(m < info.m), i32(m * info.k), 0, 0);
}

fn input_column(k: u32) -> vec4<i32> {
    return vec4<i32>(i32(k < info.k), i32(k), 0, 0);
}

fn input_at(row: vec4<i32>, column: vec4<i32>) -> f32 {
    if row.x == 0 || column.x == 0 {
        return 0.0;
    }
    return x[u32(row.y + column.y)];
}
