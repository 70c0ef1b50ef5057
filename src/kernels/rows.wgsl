// The rows of a row-major matrix as the input of gemm.wgsl, which has one tap.

fn row_start(m: u32, tap: u32) -> i32 {
    return i32(m * info.channels);
}
