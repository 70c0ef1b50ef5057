// attention_quads.wgsl for a head of any width: zero past the last channel.

@group(0) @binding(0) var<storage, read> q: array<Value>;
@group(0) @binding(1) var<storage, read> k: array<Value>;
@group(0) @binding(2) var<storage, read> v: array<Value>;
@group(0) @binding(3) var<storage, read_write> y: array<Value>;

fn q4(token: u32, channel: u32) -> vec4<f32> {
    let at = addresses(token, channel);
    return inside(vec4<f32>(f32(q[at.x]), f32(q[at.y]), f32(q[at.z]), f32(q[at.w])), channel);
}

fn k4(token: u32, channel: u32) -> vec4<f32> {
    let at = addresses(token, channel);
    return inside(vec4<f32>(f32(k[at.x]), f32(k[at.y]), f32(k[at.z]), f32(k[at.w])), channel);
}

fn v4(token: u32, channel: u32) -> vec4<f32> {
    let at = addresses(token, channel);
    return inside(vec4<f32>(f32(v[at.x]), f32(v[at.y]), f32(v[at.z]), f32(v[at.w])), channel);
}

fn store(token: u32, channel: u32, values: vec4<f32>) {
    for (var i = 0u; i < 4u && channel + i < info.width; i++) {
        y[token + channel + i] = Value(values[i]);
    }
}

fn addresses(token: u32, channel: u32) -> vec4<u32> {
    return token + min(channel + STEPS, vec4<u32>(info.width - 1u));
}

fn inside(values: vec4<f32>, channel: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), values, channel + STEPS < vec4<u32>(info.width));
}
