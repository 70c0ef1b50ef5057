// What GroupNorm does to each channel of a sample, from the statistics of all slices (group_norm_statistics.wgsl): a row of
// means, and one of factors. THREADS threads a group of a sample, ROWS of those a workgroup.

struct Info {
    batch: u32,
    groups: u32,
    channels: u32,
    slices: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> statistics: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> scaling: array<f32>;
@group(0) @binding(3) var<uniform> info: Info;

@compute @workgroup_size(THREADS, ROWS)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let thread = local.x;
    let row = id.x * ROWS + local.y;
    let sample = row / info.groups;
    let width = info.channels / info.groups;
    let first = row % info.groups * width;
    // Nothing to do past the last row, but no way out before the barriers of `total`.
    let slices = select(0u, info.slices, sample < info.batch);

    // Chan, Golub and LeVeque's formula for joined samples: first a thread's own, which are every THREADS-th channel and slice.
    var count = 0.0;
    var mean = 0.0;
    var squares = 0.0;
    var slice = thread / width;
    var channel = thread % width;
    while slice < slices {
        let at = 3u * (slice * info.batch + sample) * info.channels + first + channel;
        let more = statistics[at];
        let off = statistics[at + info.channels] - mean;
        let share = more / (count + more);
        mean += off * share;
        squares += statistics[at + 2u * info.channels] + off * off * count * share;
        count += more;
        slice += THREADS / width;
        channel += THREADS % width;
        if channel >= width {
            channel -= width;
            slice++;
        }
    }
    let all = total(count, thread);
    let centre = total(count * mean, thread) / all;
    let off = mean - centre;
    let variance = total(squares + count * off * off, thread) / all;

    let scale = inverseSqrt(variance + info.eps);
    if sample < info.batch {
        for (var i = thread; i < width; i += THREADS) {
            let at = 2u * sample * info.channels + first + i;
            scaling[at] = centre;
            scaling[at + info.channels] = scale * gamma[first + i];
        }
    }
}
