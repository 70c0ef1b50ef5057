// As gemm_quads.wgsl, for any number of channels: value by value, and without branches too.

@group(0) @binding(0) var<storage, read> x: array<Value>;

fn input4(start: i32, channel: u32) -> vec4<f32> {
    var values = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let is_there = start >= 0 && channel + i < info.channels;
        let at = select(0u, u32(start) + channel + i, is_there);
        values[i] = select(0.0, f32(x[at]), is_there);
    }
    return values;
}

fn weight_at(n: u32, tap: u32, channel: u32) -> vec4<f32> {
    var values = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let is_there = channel + i < info.channels;
        let column = tap * info.channels + select(0u, channel + i, is_there);
        let quad = weight4(weight_row(n), column / 4u * 4u, info.n, info.taps * info.channels);
        values[i] = select(0.0, quad[column % 4u], is_there);
    }
    return values;
}

// A quad here may belong to two blocks, so it comes scaled.

fn unscaled_at(n: u32, tap: u32, channel: u32) -> vec4<f32> {
    return weight_at(n, tap, channel);
}

fn scales_at(n: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(1.0);
}
