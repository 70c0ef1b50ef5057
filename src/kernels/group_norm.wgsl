// GroupNorm over an NHWC tensor by given statistics (group_norm_statistics.wgsl), optionally followed by SiLU. One workgroup
// a slice of pixels and (sample, group); each joins the statistics of all slices for itself, they are few.

struct Info {
    pixels: u32,
    channels: u32,
    groups: u32,
    slice: u32,
    parts: u32,
    silu: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Value>;
@group(0) @binding(5) var<uniform> info: Info;

const THREADS: u32 = 256u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    // Chan, Golub and LeVeque's formula for the variance of joined samples.
    var count = 0.0;
    var sum = 0.0;
    for (var part = thread; part < info.parts; part += THREADS) {
        let at = 3u * (part * workgroups.y + id.y);
        count += statistics[at];
        sum += statistics[at] * statistics[at + 1u];
    }
    count = total(count, thread);
    let mean = total(sum, thread) / count;
    var squares = 0.0;
    for (var part = thread; part < info.parts; part += THREADS) {
        let at = 3u * (part * workgroups.y + id.y);
        let off = statistics[at + 1u] - mean;
        squares += statistics[at + 2u] + statistics[at] * off * off;
    }
    let scale = inverseSqrt(total(squares, thread) / count + info.eps);

    let width = info.channels / info.groups;
    let first = id.x * info.slice;
    let values = (min(first + info.slice, info.pixels) - first) * width;
    let first_channel = (id.y % info.groups) * width;
    let start = ((id.y / info.groups) * info.pixels + first) * info.channels + first_channel;
    for (var i = thread; i < values; i += THREADS) {
        let at = start + (i / width) * info.channels + i % width;
        let channel = first_channel + i % width;
        var value = (f32(x[at]) - mean) * scale * gamma[channel] + beta[channel];
        if info.silu != 0u {
            value = value / (1.0 + exp(-value));
        }
        y[at] = Value(value);
    }
}
