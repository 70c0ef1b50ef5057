// The columns of y are the rows of the weight.

fn columns() -> u32 {
    return info.n;
}

fn weight_row(n: u32) -> u32 {
    return min(n, info.n - 1u);
}

fn store4(m: u32, n: u32, sums: vec4<f32>) {
    if m >= info.m {
        return;
    }
    for (var i = 0u; i < 4u && n + i < info.n; i++) {
        y[m * info.n + n + i] = Value(finished(m, n + i, sums[i]));
    }
}
