// Four neighbouring channels at once, where the number of channels is a multiple of four: zero past the last one. Without
// branches, of which SwiftShader's compiler would make so many copies that it does not end.

@group(0) @binding(0) var<storage, read> x: array<vec4<Value>>;

// Of the input at `start`, which is negative where the input is zero.
fn input4(start: i32, channel: u32) -> vec4<f32> {
    let is_there = start >= 0 && channel < info.channels;
    let at = select(0u, u32(start) + channel, is_there);
    return select(vec4<f32>(0.0), vec4<f32>(x[at / 4u]), is_there);
}

// Of the row of the weight that column `n` of the output needs.
fn weight_at(n: u32, tap: u32, channel: u32) -> vec4<f32> {
    let is_there = channel < info.channels;
    let column = tap * info.channels + select(0u, channel, is_there);
    let weights = weight4(weight_row(n), column, info.n, info.taps * info.channels);
    return select(vec4<f32>(0.0), weights, is_there);
}

// The same without its scale, and the scales of four columns' rows.

fn unscaled_at(n: u32, tap: u32, channel: u32) -> vec4<f32> {
    let columns = info.taps * info.channels;
    return weight_values(weight_row(n), tap * info.channels + channel, columns);
}

fn scales_at(n: u32, column: u32) -> vec4<f32> {
    let columns = info.taps * info.channels;
    return vec4<f32>(
        weight_scale(weight_row(n), column, info.n, columns),
        weight_scale(weight_row(n + 1u), column, info.n, columns),
        weight_scale(weight_row(n + 2u), column, info.n, columns),
        weight_scale(weight_row(n + 3u), column, info.n, columns),
    );
}
