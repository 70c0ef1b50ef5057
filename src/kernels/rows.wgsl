
// A row-major [m, k] matrix as the input of gemm.wgsl. A row is (valid, start, 0, 0).

fn input_row(m: u32) -> vec4<i32> {
    return vec4<i32>(i32(m < info.m), i32(m * info.k), 0, 0);
}

fn input4(row: vec4<i32>, k: u32) -> vec4<f32> {
    if row.x == 0 || k >= info.k {
        return vec4<f32>(0.0);
    }
    let at = u32(row.y) + k;
    if k + 4u <= info.k {
        return vec4<f32>(f32(x[at]), f32(x[at + 1u]), f32(x[at + 2u]), f32(x[at + 3u]));
    }
    return vec4<f32>(f32(x[at]), input1(at, k, 1u), input1(at, k, 2u), 0.0);
}

fn input1(at: u32, k: u32, i: u32) -> f32 {
    if k + i >= info.k {
        return 0.0;
    }
    return f32(x[at + i]);
}
