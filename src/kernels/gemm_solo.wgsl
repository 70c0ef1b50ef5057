// An invocation makes 8 x 8 of y by itself, without workgroup memory: for software adapters, where an invocation is a lane of
// a few and a barrier is dear. Scales are read once a block, they cost as much as the values.

// Neighbouring values of a row that share a scale, in every encoding that has scales.
const BLOCK: u32 = 32u;
// Invocations of a workgroup along either axis.
const GROUP: u32 = 4u;

@compute @workgroup_size(GROUP, GROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let m = (info.first_group * GROUP + id.x) * 8u;
    let n = id.y * 8u;
    if m >= info.m || n >= columns() {
        return;
    }
    let is_high = m + 4u < info.m;
    var s0a = vec4<f32>(0.0);
    var s0b = vec4<f32>(0.0);
    var s1a = vec4<f32>(0.0);
    var s1b = vec4<f32>(0.0);
    var s2a = vec4<f32>(0.0);
    var s2b = vec4<f32>(0.0);
    var s3a = vec4<f32>(0.0);
    var s3b = vec4<f32>(0.0);
    var s4a = vec4<f32>(0.0);
    var s4b = vec4<f32>(0.0);
    var s5a = vec4<f32>(0.0);
    var s5b = vec4<f32>(0.0);
    var s6a = vec4<f32>(0.0);
    var s6b = vec4<f32>(0.0);
    var s7a = vec4<f32>(0.0);
    var s7b = vec4<f32>(0.0);

    var low_scales = vec4<f32>(0.0);
    var high_scales = vec4<f32>(0.0);
    for (var tap = 0u; tap < info.taps; tap++) {
        let upper = row_starts(m, tap);
        let lower = row_starts(m + 4u, tap);
        for (var channel = 0u; channel < info.channels; channel += 4u) {
            let column = tap * info.channels + channel;
            if channel == 0u || column % BLOCK == 0u {
                low_scales = scales_at(n, column);
                high_scales = scales_at(n + 4u, column);
            }
            let b0 = unscaled_at(n, tap, channel) * low_scales.x;
            let b1 = unscaled_at(n + 1u, tap, channel) * low_scales.y;
            let b2 = unscaled_at(n + 2u, tap, channel) * low_scales.z;
            let b3 = unscaled_at(n + 3u, tap, channel) * low_scales.w;
            let b4 = unscaled_at(n + 4u, tap, channel) * high_scales.x;
            let b5 = unscaled_at(n + 5u, tap, channel) * high_scales.y;
            let b6 = unscaled_at(n + 6u, tap, channel) * high_scales.z;
            let b7 = unscaled_at(n + 7u, tap, channel) * high_scales.w;
            let a0 = input4(upper.x, channel);
            s0a += vec4<f32>(dot(a0, b0), dot(a0, b1), dot(a0, b2), dot(a0, b3));
            s0b += vec4<f32>(dot(a0, b4), dot(a0, b5), dot(a0, b6), dot(a0, b7));
            let a1 = input4(upper.y, channel);
            s1a += vec4<f32>(dot(a1, b0), dot(a1, b1), dot(a1, b2), dot(a1, b3));
            s1b += vec4<f32>(dot(a1, b4), dot(a1, b5), dot(a1, b6), dot(a1, b7));
            let a2 = input4(upper.z, channel);
            s2a += vec4<f32>(dot(a2, b0), dot(a2, b1), dot(a2, b2), dot(a2, b3));
            s2b += vec4<f32>(dot(a2, b4), dot(a2, b5), dot(a2, b6), dot(a2, b7));
            let a3 = input4(upper.w, channel);
            s3a += vec4<f32>(dot(a3, b0), dot(a3, b1), dot(a3, b2), dot(a3, b3));
            s3b += vec4<f32>(dot(a3, b4), dot(a3, b5), dot(a3, b6), dot(a3, b7));
            if is_high {
                let a4 = input4(lower.x, channel);
                s4a += vec4<f32>(dot(a4, b0), dot(a4, b1), dot(a4, b2), dot(a4, b3));
                s4b += vec4<f32>(dot(a4, b4), dot(a4, b5), dot(a4, b6), dot(a4, b7));
                let a5 = input4(lower.y, channel);
                s5a += vec4<f32>(dot(a5, b0), dot(a5, b1), dot(a5, b2), dot(a5, b3));
                s5b += vec4<f32>(dot(a5, b4), dot(a5, b5), dot(a5, b6), dot(a5, b7));
                let a6 = input4(lower.z, channel);
                s6a += vec4<f32>(dot(a6, b0), dot(a6, b1), dot(a6, b2), dot(a6, b3));
                s6b += vec4<f32>(dot(a6, b4), dot(a6, b5), dot(a6, b6), dot(a6, b7));
                let a7 = input4(lower.w, channel);
                s7a += vec4<f32>(dot(a7, b0), dot(a7, b1), dot(a7, b2), dot(a7, b3));
                s7b += vec4<f32>(dot(a7, b4), dot(a7, b5), dot(a7, b6), dot(a7, b7));
            }
        }
    }

    store4(m, n, s0a);
    store4(m, n + 4u, s0b);
    store4(m + 1u, n, s1a);
    store4(m + 1u, n + 4u, s1b);
    store4(m + 2u, n, s2a);
    store4(m + 2u, n + 4u, s2b);
    store4(m + 3u, n, s3a);
    store4(m + 3u, n + 4u, s3b);
    store4(m + 4u, n, s4a);
    store4(m + 4u, n + 4u, s4b);
    store4(m + 5u, n, s5a);
    store4(m + 5u, n + 4u, s5b);
    store4(m + 6u, n, s6a);
    store4(m + 6u, n + 4u, s6b);
    store4(m + 7u, n, s7a);
    store4(m + 7u, n + 4u, s7b);
}
