// For software adapters: an invocation makes four queries by at most SLAB quads of channels of one head by itself, with keys
// and values read where they lie. A matrix holds what belongs to the four queries, each in a column. For four keys, a quad of
// channels costs 8 reads of four values and 64 multiply-adds in the scores, and 4 reads and as much again in the output.
//
// Must be kept in sync with attention.rs: QUERIES, WORKERS, SLAB.

const QUERIES: u32 = 4u;
const WORKERS: u32 = 4u;
const SLAB: u32 = 32u;

@compute @workgroup_size(WORKERS)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let query = (info.first_group * WORKERS + id.x) * QUERIES;
    if query >= info.queries {
        return;
    }
    let parts = (info.width + 4u * SLAB - 1u) / (4u * SLAB);
    let first_channel = id.y % parts * 4u * SLAB;
    let quads = min(SLAB, (info.width - first_channel + 3u) / 4u);
    let sample = id.y / parts / info.heads;
    let head_channel = id.y / parts % info.heads * info.width;
    let stride = info.heads * info.width;

    // A query or key past the last one is read as the last one is; nothing comes of it.
    let queries = sample * info.queries + min(query + STEPS, vec4<u32>(info.queries - 1u));
    let q_at = queries * stride + head_channel;
    let seen4 = vec4<u32>(seen(query), seen(query + 1u), seen(query + 2u), seen(query + 3u));

    // Of each query: the largest score, the sum of the weights, and the output.
    var largest = vec4<f32>(LOWEST);
    var sum = vec4<f32>(0.0);
    var output: array<mat4x4<f32>, SLAB>;

    for (var key = 0u; key < seen4.w; key += 4u) {
        let keys = sample * info.keys + min(key + STEPS, vec4<u32>(info.keys - 1u));
        let k_at = keys * stride + head_channel;
        // Of each key with the four queries.
        var s0 = vec4<f32>(0.0);
        var s1 = vec4<f32>(0.0);
        var s2 = vec4<f32>(0.0);
        var s3 = vec4<f32>(0.0);
        for (var channel = 0u; channel < info.width; channel += 4u) {
            let asked = mat4x4<f32>(
                q4(q_at.x, channel),
                q4(q_at.y, channel),
                q4(q_at.z, channel),
                q4(q_at.w, channel),
            );
            s0 += k4(k_at.x, channel) * asked;
            s1 += k4(k_at.y, channel) * asked;
            s2 += k4(k_at.z, channel) * asked;
            s3 += k4(k_at.w, channel) * asked;
        }
        s0 = select(vec4<f32>(LOWEST), s0, vec4<u32>(key) < seen4);
        s1 = select(vec4<f32>(LOWEST), s1, vec4<u32>(key + 1u) < seen4);
        s2 = select(vec4<f32>(LOWEST), s2, vec4<u32>(key + 2u) < seen4);
        s3 = select(vec4<f32>(LOWEST), s3, vec4<u32>(key + 3u) < seen4);

        let larger = max(largest, max(max(s0, s1), max(s2, s3)));
        let shrink = exp2((largest - larger) * info.scale);
        largest = larger;
        s0 = exp2((s0 - largest) * info.scale);
        s1 = exp2((s1 - largest) * info.scale);
        s2 = exp2((s2 - largest) * info.scale);
        s3 = exp2((s3 - largest) * info.scale);
        sum = sum * shrink + s0 + s1 + s2 + s3;

        let weights = transpose(mat4x4<f32>(s0, s1, s2, s3));
        for (var quad = 0u; quad < quads; quad++) {
            let channel = first_channel + 4u * quad;
            let values = mat4x4<f32>(
                v4(k_at.x, channel),
                v4(k_at.y, channel),
                v4(k_at.z, channel),
                v4(k_at.w, channel),
            );
            let o = output[quad];
            let kept = mat4x4<f32>(o[0] * shrink.x, o[1] * shrink.y, o[2] * shrink.z, o[3] * shrink.w);
            output[quad] = kept + values * weights;
        }
    }

    let count = min(QUERIES, info.queries - query);
    for (var quad = 0u; quad < quads; quad++) {
        let o = output[quad];
        for (var i = 0u; i < count; i++) {
            store(q_at[i], first_channel + 4u * quad, o[i] / sum[i]);
        }
    }
}
