
// For GPUs: a workgroup of 16 x 16 threads makes 128 queries by at most SLABS slabs of 64 channels of one head; SLABS is put
// before this source by attention.rs. It walks the keys 64 at a time. A thread has the scores of 8 queries with 4 keys, summed
// up over the head's width in steps of 16 channels, and then 8 queries by 4 channels of each slab of the output. Scores change
// hands as weights, 16 keys at a time. Queries or weights take 8 KiB of workgroup memory, keys or values 4 KiB.
//
// At width 64, 64 keys cost a thread 4096 multiply-adds (of which 8 x 4 for every 12 reads of four values from workgroup
// memory, 416 reads with those of the softmax), 32 exponentials, 16 reads of four values from global memory and 18 barriers.
// A head wider than all slabs is made by several workgroups, each of which needs all of its scores.
//
// Must be kept in sync with attention.rs: QUERIES, SLAB.

const QUERIES: u32 = 128u;
const KEYS: u32 = 64u;
const SLAB: u32 = 64u;
const DEPTH: u32 = 16u;
const QUADS: u32 = DEPTH / 4u;

// Queries, as [query][quad of channels]; then weights, as [query][quad of keys].
var<workgroup> left: array<vec4<f32>, QUERIES * QUADS>;
// Keys, as [quad of channels][key % 4][key / 4], swapped about so that neither threads which write the quads of one key nor
// threads which read one quad of their own keys meet in a bank; then values, as [key][quad of channels].
var<workgroup> right: array<vec4<f32>, KEYS * QUADS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let parts = (info.width + SLABS * SLAB - 1u) / (SLABS * SLAB);
    let first_channel = group.y % parts * SLABS * SLAB;
    let sample = group.y / parts / info.heads;
    let head_channel = group.y / parts % info.heads * info.width;
    let q_start = sample * info.queries * info.heads * info.width + head_channel;
    let k_start = sample * info.keys * info.heads * info.width + head_channel;

    let row = thread / 16u;
    let column = thread % 16u;
    let query0 = (info.first_group + group.x) * QUERIES;
    let query = query0 + 8u * row;
    let end = seen(query0 + QUERIES - 1u);

    // What a thread brings: a quad of channels of two queries and of a key. A query or key past the last one is read as the
    // last one is; nothing comes of it.
    let fill = thread / QUADS;
    let fill_quad = thread % QUADS;
    let fill_at = (4u * fill_quad + fill % 4u) * 16u + ((fill / 4u) ^ (2u * fill_quad + fill % 2u));
    let q0_at = token(q_start, query0 + fill, info.queries);
    let q1_at = token(q_start, query0 + fill + 64u, info.queries);

    // Of the thread's eight queries: the largest score, the sum of the thread's own weights, and the output of each slab.
    var largest0 = vec4<f32>(LOWEST);
    var largest4 = vec4<f32>(LOWEST);
    var sum0 = vec4<f32>(0.0);
    var sum4 = vec4<f32>(0.0);
    var output: array<vec4<f32>, 8u * SLABS>;

    for (var key0 = 0u; key0 < end; key0 += KEYS) {
        let key = key0 + 4u * column;
        let k_at = token(k_start, key0 + fill, info.keys);
        var s0 = vec4<f32>(0.0);
        var s1 = vec4<f32>(0.0);
        var s2 = vec4<f32>(0.0);
        var s3 = vec4<f32>(0.0);
        var s4 = vec4<f32>(0.0);
        var s5 = vec4<f32>(0.0);
        var s6 = vec4<f32>(0.0);
        var s7 = vec4<f32>(0.0);
        for (var channel0 = 0u; channel0 < info.width; channel0 += DEPTH) {
            let channel = channel0 + 4u * fill_quad;
            if channel < info.width {
                left[thread] = q4(q0_at, channel);
                left[thread + 256u] = q4(q1_at, channel);
                right[fill_at] = k4(k_at, channel);
            }
            workgroupBarrier();
            if query < info.queries && key < end {
                let quads = min(QUADS, (info.width - channel0 + 3u) / 4u);
                for (var quad = 0u; quad < quads; quad++) {
                    let even = 64u * quad + (column ^ (2u * quad));
                    let odd = 64u * quad + (column ^ (2u * quad + 1u));
                    let keys = transpose(mat4x4<f32>(right[even], right[odd + 16u], right[even + 32u], right[odd + 48u]));
                    let a = 8u * row * QUADS + quad;
                    s0 = plus(s0, keys, left[a]);
                    s1 = plus(s1, keys, left[a + QUADS]);
                    s2 = plus(s2, keys, left[a + 2u * QUADS]);
                    s3 = plus(s3, keys, left[a + 3u * QUADS]);
                    s4 = plus(s4, keys, left[a + 4u * QUADS]);
                    s5 = plus(s5, keys, left[a + 5u * QUADS]);
                    s6 = plus(s6, keys, left[a + 6u * QUADS]);
                    s7 = plus(s7, keys, left[a + 7u * QUADS]);
                }
            }
            workgroupBarrier();
        }

        s0 = seen_scores(s0, key, query);
        s1 = seen_scores(s1, key, query + 1u);
        s2 = seen_scores(s2, key, query + 2u);
        s3 = seen_scores(s3, key, query + 3u);
        s4 = seen_scores(s4, key, query + 4u);
        s5 = seen_scores(s5, key, query + 5u);
        s6 = seen_scores(s6, key, query + 6u);
        s7 = seen_scores(s7, key, query + 7u);
        left[2u * thread] = vec4<f32>(max4(s0), max4(s1), max4(s2), max4(s3));
        left[2u * thread + 1u] = vec4<f32>(max4(s4), max4(s5), max4(s6), max4(s7));
        workgroupBarrier();
        var larger0 = largest0;
        var larger4 = largest4;
        for (var i = 0u; i < 16u; i++) {
            larger0 = max(larger0, left[32u * row + 2u * i]);
            larger4 = max(larger4, left[32u * row + 2u * i + 1u]);
        }
        workgroupBarrier();
        let shrink0 = exp2((largest0 - larger0) * info.scale);
        let shrink4 = exp2((largest4 - larger4) * info.scale);
        largest0 = larger0;
        largest4 = larger4;
        s0 = exp2((s0 - largest0.x) * info.scale);
        s1 = exp2((s1 - largest0.y) * info.scale);
        s2 = exp2((s2 - largest0.z) * info.scale);
        s3 = exp2((s3 - largest0.w) * info.scale);
        s4 = exp2((s4 - largest4.x) * info.scale);
        s5 = exp2((s5 - largest4.y) * info.scale);
        s6 = exp2((s6 - largest4.z) * info.scale);
        s7 = exp2((s7 - largest4.w) * info.scale);
        let one = vec4<f32>(1.0);
        sum0 = sum0 * shrink0 + vec4<f32>(dot(s0, one), dot(s1, one), dot(s2, one), dot(s3, one));
        sum4 = sum4 * shrink4 + vec4<f32>(dot(s4, one), dot(s5, one), dot(s6, one), dot(s7, one));

        for (var slab = 0u; slab < SLABS; slab++) {
            let o = 8u * slab;
            output[o] *= shrink0.x;
            output[o + 1u] *= shrink0.y;
            output[o + 2u] *= shrink0.z;
            output[o + 3u] *= shrink0.w;
            output[o + 4u] *= shrink4.x;
            output[o + 5u] *= shrink4.y;
            output[o + 6u] *= shrink4.z;
            output[o + 7u] *= shrink4.w;
        }
        for (var part = 0u; part < KEYS / DEPTH && key0 + part * DEPTH < end; part++) {
            let first_key = key0 + part * DEPTH;
            if column / QUADS == part {
                let at = 8u * row * QUADS + column % QUADS;
                left[at] = s0;
                left[at + QUADS] = s1;
                left[at + 2u * QUADS] = s2;
                left[at + 3u * QUADS] = s3;
                left[at + 4u * QUADS] = s4;
                left[at + 5u * QUADS] = s5;
                left[at + 6u * QUADS] = s6;
                left[at + 7u * QUADS] = s7;
            }
            let v_at = token(k_start, first_key + row, info.keys);
            for (var slab = 0u; slab < SLABS && first_channel + slab * SLAB < info.width; slab++) {
                let channel = first_channel + slab * SLAB + 4u * column;
                if channel < info.width {
                    right[thread] = v4(v_at, channel);
                }
                workgroupBarrier();
                if query < info.queries && channel < info.width {
                    let o = 8u * slab;
                    var o0 = output[o];
                    var o1 = output[o + 1u];
                    var o2 = output[o + 2u];
                    var o3 = output[o + 3u];
                    var o4 = output[o + 4u];
                    var o5 = output[o + 5u];
                    var o6 = output[o + 6u];
                    var o7 = output[o + 7u];
                    let quads = min(QUADS, (end - first_key + 3u) / 4u);
                    for (var quad = 0u; quad < quads; quad++) {
                        let b = 64u * quad + column;
                        let values = mat4x4<f32>(right[b], right[b + 16u], right[b + 32u], right[b + 48u]);
                        let a = 8u * row * QUADS + quad;
                        o0 = plus(o0, values, left[a]);
                        o1 = plus(o1, values, left[a + QUADS]);
                        o2 = plus(o2, values, left[a + 2u * QUADS]);
                        o3 = plus(o3, values, left[a + 3u * QUADS]);
                        o4 = plus(o4, values, left[a + 4u * QUADS]);
                        o5 = plus(o5, values, left[a + 5u * QUADS]);
                        o6 = plus(o6, values, left[a + 6u * QUADS]);
                        o7 = plus(o7, values, left[a + 7u * QUADS]);
                    }
                    output[o] = o0;
                    output[o + 1u] = o1;
                    output[o + 2u] = o2;
                    output[o + 3u] = o3;
                    output[o + 4u] = o4;
                    output[o + 5u] = o5;
                    output[o + 6u] = o6;
                    output[o + 7u] = o7;
                }
                workgroupBarrier();
            }
        }
    }

    left[2u * thread] = sum0;
    left[2u * thread + 1u] = sum4;
    workgroupBarrier();
    var total0 = vec4<f32>(0.0);
    var total4 = vec4<f32>(0.0);
    for (var i = 0u; i < 16u; i++) {
        total0 += left[32u * row + 2u * i];
        total4 += left[32u * row + 2u * i + 1u];
    }
    for (var slab = 0u; slab < SLABS; slab++) {
        let channel = first_channel + slab * SLAB + 4u * column;
        let o = 8u * slab;
        store_query(q_start, query, channel, output[o] / total0.x);
        store_query(q_start, query + 1u, channel, output[o + 1u] / total0.y);
        store_query(q_start, query + 2u, channel, output[o + 2u] / total0.z);
        store_query(q_start, query + 3u, channel, output[o + 3u] / total0.w);
        store_query(q_start, query + 4u, channel, output[o + 4u] / total4.x);
        store_query(q_start, query + 5u, channel, output[o + 5u] / total4.y);
        store_query(q_start, query + 6u, channel, output[o + 6u] / total4.z);
        store_query(q_start, query + 7u, channel, output[o + 7u] / total4.w);
    }
}

// Where a token of this head begins.
fn token(start: u32, number: u32, count: u32) -> u32 {
    return start + min(number, count - 1u) * info.heads * info.width;
}

fn store_query(start: u32, query: u32, channel: u32, values: vec4<f32>) {
    if query < info.queries && channel < info.width {
        store(token(start, query, info.queries), channel, values);
    }
}

// sum + m * by, in single multiply-adds.
fn plus(sum: vec4<f32>, m: mat4x4<f32>, by: vec4<f32>) -> vec4<f32> {
    var more = sum;
    more += m[0] * by.x;
    more += m[1] * by.y;
    more += m[2] * by.z;
    more += m[3] * by.w;
    return more;
}

fn seen_scores(scores: vec4<f32>, key: u32, query: u32) -> vec4<f32> {
    return select(vec4<f32>(LOWEST), scores, key + STEPS < vec4<u32>(seen(query)));
}

fn max4(x: vec4<f32>) -> f32 {
    return max(max(x.x, x.y), max(x.z, x.w));
}
