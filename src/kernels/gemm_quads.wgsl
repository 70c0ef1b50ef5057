// Four neighbouring channels at once, where the number of channels is a multiple of four: zero past the last one.

@group(0) @binding(0) var<storage, read> x: array<vec4<Value>>;

// Of the input at `start`, which is negative where the input is zero.
fn input4(start: i32, channel: u32) -> vec4<f32> {
    if start < 0 || channel >= info.channels {
        return vec4<f32>(0.0);
    }
    return vec4<f32>(x[(u32(start) + channel) / 4u]);
}

// Of the row of the weight that column `n` of the output needs.
fn weight_at(n: u32, tap: u32, channel: u32) -> vec4<f32> {
    if channel >= info.channels {
        return vec4<f32>(0.0);
    }
    return weight4(weight_row(n), tap * info.channels + channel, info.n, info.taps * info.channels);
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
