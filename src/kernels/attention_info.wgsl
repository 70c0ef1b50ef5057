// softmax(q · kᵀ / sqrt(width)) · v of each head, in one pass over the keys: a row's sum and output so far are scaled down
// whenever a larger score turns up (Dao et al., arXiv 2205.14135, algorithm 1).
//
// Must be kept in sync with attention.rs: the order of the bindings and of Info's fields.

struct Info {
    // Of all workgroups along x, the first of this dispatch.
    first_group: u32,
    queries: u32,
    keys: u32,
    heads: u32,
    width: u32,
    causal: u32,
    // Of a score, as an exponent of two.
    scale: f32,
}

@group(0) @binding(4) var<uniform> info: Info;

const STEPS: vec4<u32> = vec4<u32>(0u, 1u, 2u, 3u);
// Less than any score, and still finite when scaled and subtracted from.
const LOWEST: f32 = -1e38;

// Keys that a query sees: all, or those up to its own number.
fn seen(query: u32) -> u32 {
    return select(info.keys, min(info.keys, query + 1u), info.causal != 0u);
}
