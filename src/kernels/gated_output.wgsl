// GEGLU: the rows of the weight are values and then as many gates; y is each value times the GELU of its gate. A tile's columns
// are two values, their two gates and so on, so that an invocation has both.

fn columns() -> u32 {
    return (info.n / 2u + 1u) / 2u * 4u;
}

fn weight_row(n: u32) -> u32 {
    return min(n / 4u * 2u + n % 2u + select(0u, info.n / 2u, n % 4u >= 2u), info.n - 1u);
}

fn store4(m: u32, n: u32, sums: vec4<f32>) {
    if m >= info.m {
        return;
    }
    let width = info.n / 2u;
    let column = n / 2u;
    for (var i = 0u; i < 2u && column + i < width; i++) {
        let value = finished(m, column + i, sums[i]);
        y[m * width + column + i] = Value(value * gelu(finished(m, width + column + i, sums[i + 2u])));
    }
}
