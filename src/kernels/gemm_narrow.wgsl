// A workgroup of 64 invocations makes 4 x 4 of y together: each takes a share of k, and then they add up. For so few rows (a
// timestep, a pooled prompt) that tiles would be empty.

const THREADS: u32 = 64u;

var<workgroup> partial: array<vec4<f32>, 4u * THREADS>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let m = (info.first_group + group.x) * 4u;
    let n = group.y * 4u;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var tap = 0u; tap < info.taps; tap++) {
        let starts = row_starts(m, tap);
        for (var channel = 4u * thread; channel < info.channels; channel += 4u * THREADS) {
            let b0 = weight_at(n, tap, channel);
            let b1 = weight_at(n + 1u, tap, channel);
            let b2 = weight_at(n + 2u, tap, channel);
            let b3 = weight_at(n + 3u, tap, channel);
            let a0 = input4(starts.x, channel);
            s0 += vec4<f32>(dot(a0, b0), dot(a0, b1), dot(a0, b2), dot(a0, b3));
            let a1 = input4(starts.y, channel);
            s1 += vec4<f32>(dot(a1, b0), dot(a1, b1), dot(a1, b2), dot(a1, b3));
            let a2 = input4(starts.z, channel);
            s2 += vec4<f32>(dot(a2, b0), dot(a2, b1), dot(a2, b2), dot(a2, b3));
            let a3 = input4(starts.w, channel);
            s3 += vec4<f32>(dot(a3, b0), dot(a3, b1), dot(a3, b2), dot(a3, b3));
        }
    }
    partial[thread] = s0;
    partial[THREADS + thread] = s1;
    partial[2u * THREADS + thread] = s2;
    partial[3u * THREADS + thread] = s3;
    workgroupBarrier();
    if thread < 4u {
        var sum = vec4<f32>(0.0);
        for (var i = 0u; i < THREADS; i++) {
            sum += partial[thread * THREADS + i];
        }
        store4(m + thread, n, sum);
    }
}
