// Four neighbouring channels of a head whose width is a multiple of four, from an address on: that of a token's first channel,
// and a channel within the width.

@group(0) @binding(0) var<storage, read> q: array<vec4<Value>>;
@group(0) @binding(1) var<storage, read> k: array<vec4<Value>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<Value>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Value>>;

fn q4(token: u32, channel: u32) -> vec4<f32> {
    return vec4<f32>(q[(token + channel) / 4u]);
}

fn k4(token: u32, channel: u32) -> vec4<f32> {
    return vec4<f32>(k[(token + channel) / 4u]);
}

fn v4(token: u32, channel: u32) -> vec4<f32> {
    return vec4<f32>(v[(token + channel) / 4u]);
}

fn store(token: u32, channel: u32, values: vec4<f32>) {
    y[(token + channel) / 4u] = vec4<Value>(values);
}
