// As gemm_quads.wgsl, for any number of channels: value by value.

@group(0) @binding(0) var<storage, read> x: array<Value>;

fn input4(start: i32, channel: u32) -> vec4<f32> {
    var values = vec4<f32>(0.0);
    if start < 0 {
        return values;
    }
    for (var i = 0u; i < 4u && channel + i < info.channels; i++) {
        values[i] = f32(x[u32(start) + channel + i]);
    }
    return values;
}

fn weight_at(n: u32, tap: u32, channel: u32) -> vec4<f32> {
    var values = vec4<f32>(0.0);
    for (var i = 0u; i < 4u && channel + i < info.channels; i++) {
        let column = tap * info.channels + channel + i;
        let quad = weight4(weight_row(n), column / 4u * 4u, info.n, info.taps * info.channels);
        values[i] = quad[column % 4u];
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
