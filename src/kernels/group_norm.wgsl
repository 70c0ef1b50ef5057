// GroupNorm over an NHWC tensor by given means and factors of each channel (group_norm_scaling.wgsl), optionally followed by
// SiLU. A thread has LANES channels of some pixels, a stride apart.

struct Info {
    pixels: u32,
    channels: u32,
    stride: u32,
    silu: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> scaling: array<Lanes>;
@group(0) @binding(2) var<storage, read> beta: array<Lanes>;
@group(0) @binding(3) var<storage, read_write> y: array<Stored>;
@group(0) @binding(4) var<uniform> info: Info;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let columns = info.channels / LANES;
    let column = id.x % columns;
    let first = id.x / columns;
    let sample = id.y;
    if first >= info.stride {
        return;
    }
    let mean = scaling[2u * sample * columns + column];
    let factor = scaling[(2u * sample + 1u) * columns + column];
    let shift = beta[column];
    for (var pixel = first; pixel < info.pixels; pixel += info.stride) {
        let at = (sample * info.pixels + pixel) * columns + column;
        var value = (Lanes(x[at]) - mean) * factor + shift;
        if info.silu != 0u {
            value = value / (1.0 + exp(-value));
        }
        y[at] = Stored(value);
    }
}
