// softmax(q · kᵀ / sqrt(width)) · v of each head, in one pass over the keys: a row's sum and output so far are scaled down
// whenever a larger score turns up (Dao et al., arXiv 2205.14135, algorithm 1).
//
// A workgroup of 16 x 16 threads makes 64 queries by at most SLABS slabs of 64 channels of one head; SLABS is put before this
// source by attention.rs. It walks the keys 64 at a time. A thread has the scores of 4 queries with 4 keys, summed up over
// the head's width in slabs of 32, and then 4 queries by 4 channels of each slab of the output. Scores change hands as
// weights, 32 keys at a time, because they, the values, queries and keys share 16 KiB.
//
// At width 64, 64 keys cost a thread 2048 multiply-adds, 272 reads of four values from workgroup memory and 10 barriers:
// the ratios of gemm.wgsl, so what binds that kernel will bind this one. The softmax itself is 16 exponentials and 16 of
// the reads. A head wider than all slabs is made by several workgroups, each of which needs all of its scores.
//
// Must be kept in sync with attention.rs: TILE, the order of the bindings and of Info's fields.

struct Info {
    queries: u32,
    keys: u32,
    heads: u32,
    width: u32,
    causal: u32,
    // Of a score, as an exponent of two.
    scale: f32,
}

@group(0) @binding(0) var<storage, read> q: array<Value>;
@group(0) @binding(1) var<storage, read> k: array<Value>;
@group(0) @binding(2) var<storage, read> v: array<Value>;
@group(0) @binding(3) var<storage, read_write> y: array<Value>;
@group(0) @binding(4) var<uniform> info: Info;

const TILE: u32 = 64u;
const DEPTH: u32 = 32u;
const QUADS: u32 = DEPTH / 4u;
const STEPS: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);
// Less than any score, and still finite when scaled and subtracted from.
const LOWEST: f32 = -1e38;

// Queries, as [query][quad of channels]; then weights, as [query][quad of keys].
var<workgroup> left: array<vec4<f32>, TILE * QUADS>;
// Keys, as [key][quad of channels], the quads swapped about so that threads which read the same quad of their own keys meet
// different banks; then values, as [key][quad of channels].
var<workgroup> right: array<vec4<f32>, TILE * QUADS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let parts = (info.width + SLABS * TILE - 1u) / (SLABS * TILE);
    let first_channel = (group.y % parts) * SLABS * TILE;
    let sample = group.y / parts / info.heads;
    let head_channel = (group.y / parts % info.heads) * info.width;
    let q_start = sample * info.queries * info.heads * info.width + head_channel;
    let k_start = sample * info.keys * info.heads * info.width + head_channel;

    let row = thread / 16u;
    let column = thread % 16u;
    let query0 = group.x * TILE;
    let query = query0 + 4u * row;
    var seen = vec4<u32>(info.keys);
    var end = info.keys;
    if info.causal != 0u {
        seen = min(seen, query + 1u + STEPS);
        end = min(end, query0 + TILE);
    }

    // Of the thread's four queries: the largest score, the sum of the thread's own weights, and the output of each slab.
    var largest = vec4<f32>(LOWEST);
    var sum = vec4<f32>(0.0);
    var output: array<vec4<f32>, 4u * SLABS>;

    for (var key0 = 0u; key0 < end; key0 += TILE) {
        let key = key0 + 4u * column;
        var s0 = vec4<f32>(0.0);
        var s1 = vec4<f32>(0.0);
        var s2 = vec4<f32>(0.0);
        var s3 = vec4<f32>(0.0);
        for (var channel0 = 0u; channel0 < info.width; channel0 += DEPTH) {
            let fill = thread / QUADS;
            let fill_quad = thread % QUADS;
            let channel = channel0 + 4u * fill_quad;
            // A thread's four keys share the swap.
            let fill_at = fill * QUADS + (fill_quad ^ (fill / 4u % QUADS));
            left[thread] = q4(q_start, query0 + fill, channel);
            left[thread + 256u] = q4(q_start, query0 + fill + 32u, channel);
            right[fill_at] = k4(k_start, key0 + fill, channel);
            right[fill_at + 256u] = k4(k_start, key0 + fill + 32u, channel);
            workgroupBarrier();
            if query < info.queries && key < end {
                let quads = min(QUADS, (info.width - channel0 + 3u) / 4u);
                for (var quad = 0u; quad < quads; quad++) {
                    let a = 4u * row * QUADS + quad;
                    let b = 4u * column * QUADS + (quad ^ (column % QUADS));
                    let b0 = right[b];
                    let b1 = right[b + QUADS];
                    let b2 = right[b + 2u * QUADS];
                    let b3 = right[b + 3u * QUADS];
                    let a0 = left[a];
                    s0 += vec4<f32>(dot(a0, b0), dot(a0, b1), dot(a0, b2), dot(a0, b3));
                    let a1 = left[a + QUADS];
                    s1 += vec4<f32>(dot(a1, b0), dot(a1, b1), dot(a1, b2), dot(a1, b3));
                    let a2 = left[a + 2u * QUADS];
                    s2 += vec4<f32>(dot(a2, b0), dot(a2, b1), dot(a2, b2), dot(a2, b3));
                    let a3 = left[a + 3u * QUADS];
                    s3 += vec4<f32>(dot(a3, b0), dot(a3, b1), dot(a3, b2), dot(a3, b3));
                }
            }
            workgroupBarrier();
        }

        s0 = seen_scores(s0, key, seen.x);
        s1 = seen_scores(s1, key, seen.y);
        s2 = seen_scores(s2, key, seen.z);
        s3 = seen_scores(s3, key, seen.w);
        left[thread] = vec4<f32>(max4(s0), max4(s1), max4(s2), max4(s3));
        workgroupBarrier();
        var larger = largest;
        for (var i = 0u; i < 16u; i++) {
            larger = max(larger, left[row * 16u + i]);
        }
        workgroupBarrier();
        let shrink = exp2((largest - larger) * info.scale);
        largest = larger;
        s0 = exp2((s0 - largest.x) * info.scale);
        s1 = exp2((s1 - largest.y) * info.scale);
        s2 = exp2((s2 - largest.z) * info.scale);
        s3 = exp2((s3 - largest.w) * info.scale);
        let one = vec4<f32>(1.0);
        sum = sum * shrink + vec4<f32>(dot(s0, one), dot(s1, one), dot(s2, one), dot(s3, one));

        for (var half = 0u; half < 2u && key0 + half * DEPTH < end; half++) {
            let first_key = key0 + half * DEPTH;
            if column / QUADS == half {
                let at = 4u * row * QUADS + column % QUADS;
                left[at] = s0;
                left[at + QUADS] = s1;
                left[at + 2u * QUADS] = s2;
                left[at + 3u * QUADS] = s3;
            }
            for (var slab = 0u; slab < SLABS && first_channel + slab * TILE < info.width; slab++) {
                let channel = first_channel + slab * TILE + 4u * column;
                right[thread] = v4(k_start, first_key + row, channel);
                right[thread + 256u] = v4(k_start, first_key + row + 16u, channel);
                workgroupBarrier();
                if query < info.queries && channel < info.width {
                    let scale = select(vec4<f32>(1.0), shrink, half == 0u);
                    var o0 = output[4u * slab] * scale.x;
                    var o1 = output[4u * slab + 1u] * scale.y;
                    var o2 = output[4u * slab + 2u] * scale.z;
                    var o3 = output[4u * slab + 3u] * scale.w;
                    let quads = min(QUADS, (end - first_key + 3u) / 4u);
                    for (var quad = 0u; quad < quads; quad++) {
                        let a = 4u * row * QUADS + quad;
                        let b = 64u * quad + column;
                        let b0 = right[b];
                        let b1 = right[b + 16u];
                        let b2 = right[b + 32u];
                        let b3 = right[b + 48u];
                        let a0 = left[a];
                        o0 += a0.x * b0 + a0.y * b1 + a0.z * b2 + a0.w * b3;
                        let a1 = left[a + QUADS];
                        o1 += a1.x * b0 + a1.y * b1 + a1.z * b2 + a1.w * b3;
                        let a2 = left[a + 2u * QUADS];
                        o2 += a2.x * b0 + a2.y * b1 + a2.z * b2 + a2.w * b3;
                        let a3 = left[a + 3u * QUADS];
                        o3 += a3.x * b0 + a3.y * b1 + a3.z * b2 + a3.w * b3;
                    }
                    output[4u * slab] = o0;
                    output[4u * slab + 1u] = o1;
                    output[4u * slab + 2u] = o2;
                    output[4u * slab + 3u] = o3;
                }
                workgroupBarrier();
            }
        }
    }

    left[thread] = sum;
    workgroupBarrier();
    var total = vec4<f32>(0.0);
    for (var i = 0u; i < 16u; i++) {
        total += left[row * 16u + i];
    }
    for (var slab = 0u; slab < SLABS; slab++) {
        let channel = first_channel + slab * TILE + 4u * column;
        store(q_start, query, channel, output[4u * slab] / total.x);
        store(q_start, query + 1u, channel, output[4u * slab + 1u] / total.y);
        store(q_start, query + 2u, channel, output[4u * slab + 2u] / total.z);
        store(q_start, query + 3u, channel, output[4u * slab + 3u] / total.w);
    }
}

fn seen_scores(scores: vec4<f32>, key: u32, seen: u32) -> vec4<f32> {
    return select(vec4<f32>(LOWEST), scores, key + STEPS < vec4<u32>(seen));
}

fn max4(x: vec4<f32>) -> f32 {
    return max(max(x.x, x.y), max(x.z, x.w));
}

// Four neighbouring channels of a token of this head, zero past the last channel and the last token.

fn q4(start: u32, token: u32, channel: u32) -> vec4<f32> {
    if token >= info.queries || channel >= info.width {
        return vec4<f32>(0.0);
    }
    let at = addresses(start, token, channel);
    return inside(vec4<f32>(f32(q[at.x]), f32(q[at.y]), f32(q[at.z]), f32(q[at.w])), channel);
}

fn k4(start: u32, token: u32, channel: u32) -> vec4<f32> {
    if token >= info.keys || channel >= info.width {
        return vec4<f32>(0.0);
    }
    let at = addresses(start, token, channel);
    return inside(vec4<f32>(f32(k[at.x]), f32(k[at.y]), f32(k[at.z]), f32(k[at.w])), channel);
}

fn v4(start: u32, token: u32, channel: u32) -> vec4<f32> {
    if token >= info.keys || channel >= info.width {
        return vec4<f32>(0.0);
    }
    let at = addresses(start, token, channel);
    return inside(vec4<f32>(f32(v[at.x]), f32(v[at.y]), f32(v[at.z]), f32(v[at.w])), channel);
}

fn addresses(start: u32, token: u32, channel: u32) -> vec4<u32> {
    return start + token * info.heads * info.width + min(channel + STEPS, vec4<u32>(info.width - 1u));
}

fn inside(values: vec4<f32>, channel: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), values, channel + STEPS < vec4<u32>(info.width));
}

fn store(start: u32, token: u32, channel: u32, values: vec4<f32>) {
    if token >= info.queries {
        return;
    }
    for (var i = 0u; i < 4u && channel + i < info.width; i++) {
        y[start + token * info.heads * info.width + channel + i] = Value(values[i]);
    }
}
