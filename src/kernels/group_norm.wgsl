// GroupNorm over an NHWC tensor, optionally followed by SiLU. One workgroup a (sample, group); the mean comes first
// and the variance from the centred values, because E[x^2] - E[x]^2 cancels badly on the large activations of SDXL's VAE.

struct Info {
    pixels: u32,
    channels: u32,
    groups: u32,
    silu: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> info: Info;

const THREADS: u32 = 256u;
var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let width = info.channels / info.groups;
    let count = info.pixels * width;
    let first_channel = (id.x % info.groups) * width;
    let start = (id.x / info.groups) * info.pixels * info.channels + first_channel;

    var sum = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        sum += x[start + (i / width) * info.channels + i % width];
    }
    let mean = total(sum, thread) / f32(count);

    var squares = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        let centred = x[start + (i / width) * info.channels + i % width] - mean;
        squares += centred * centred;
    }
    let scale = inverseSqrt(total(squares, thread) / f32(count) + info.eps);

    for (var i = thread; i < count; i += THREADS) {
        let at = start + (i / width) * info.channels + i % width;
        let channel = first_channel + i % width;
        var value = (x[at] - mean) * scale * gamma[channel] + beta[channel];
        if info.silu != 0u {
            value = value / (1.0 + exp(-value));
        }
        y[at] = value;
    }
}

fn total(value: f32, thread: u32) -> f32 {
    workgroupBarrier();
    partial[thread] = value;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            partial[thread] += partial[thread + half];
        }
        workgroupBarrier();
    }
    return partial[0];
}
