// Count, mean and sum of squared deviations of each group of channels of an NHWC tensor, slice by slice of its pixels. One
// workgroup a slice and (sample, group). The mean comes first and the deviations from the centred values, because
// E[x^2] - E[x]^2 cancels badly on the large activations of SDXL's VAE.

struct Info {
    pixels: u32,
    channels: u32,
    groups: u32,
    slice: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<uniform> info: Info;

const THREADS: u32 = 256u;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let width = info.channels / info.groups;
    let first = id.x * info.slice;
    let count = (min(first + info.slice, info.pixels) - first) * width;
    let start = ((id.y / info.groups) * info.pixels + first) * info.channels + (id.y % info.groups) * width;

    var sum = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        sum += f32(x[start + (i / width) * info.channels + i % width]);
    }
    let mean = total(sum, thread) / f32(count);

    var squares = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        let centred = f32(x[start + (i / width) * info.channels + i % width]) - mean;
        squares += centred * centred;
    }
    squares = total(squares, thread);

    if thread == 0u {
        let at = 3u * (id.x * workgroups.y + id.y);
        statistics[at] = f32(count);
        statistics[at + 1u] = mean;
        statistics[at + 2u] = squares;
    }
}
