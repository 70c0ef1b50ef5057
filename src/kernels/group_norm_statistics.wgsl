// Count, mean and sum of squared deviations of each channel of an NHWC tensor, slice by slice of its pixels: a row of each for
// a slice and sample. A thread has LANES channels of a slice and sample, so that threads side by side read channels side by
// side whatever the groups are. Welford's formula: one pass, and still exact where E[x^2] - E[x]^2 cancels, as on the large
// activations of SDXL's VAE.

struct Info {
    pixels: u32,
    channels: u32,
    slice: u32,
    slices: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> statistics: array<Lanes>;
@group(0) @binding(2) var<uniform> info: Info;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>) {
    let columns = info.channels / LANES;
    let column = id.x % columns;
    let slice = id.x / columns;
    let sample = id.y;
    if slice >= info.slices {
        return;
    }
    let first = slice * info.slice;
    let count = min(info.slice, info.pixels - first);
    let start = (sample * info.pixels + first) * columns + column;
    var mean = Lanes(0.0);
    var squares = Lanes(0.0);
    for (var i = 0u; i < count; i++) {
        let value = Lanes(x[start + i * columns]);
        let off = value - mean;
        mean += off / f32(i + 1u);
        squares += off * (value - mean);
    }

    let at = 3u * (slice * workgroups.y + sample) * columns + column;
    statistics[at] = Lanes(f32(count));
    statistics[at + columns] = mean;
    statistics[at + 2u * columns] = squares;
}
