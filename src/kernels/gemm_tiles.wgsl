// How the invocations of gemm_large.wgsl and gemm_small.wgsl fill their tiles: half of them from the input, half from the
// weight, each a block of four rows by four channels, which it turns over so that a tile is [k][row]. TILE, DEPTH, QUADS and
// SPREAD are the kernel's.
//
// The next block is fetched while the tiles are multiplied, so that reading memory and arithmetic overlap.

// [k][four neighbouring rows]. The fours are swapped about by the quad of k, by SPREAD, so that neighbouring invocations,
// which store other quads of the same rows, meet different banks.
var<workgroup> x_tile: array<vec4<f32>, DEPTH * TILE / 4u>;
var<workgroup> w_tile: array<vec4<f32>, DEPTH * TILE / 4u>;

// Which of 16 x 16 pieces of the tile an invocation makes. 32 that run in step make 4 x 8 of them rather than 2 x 16: together
// they read fewer different values.
fn tile_row(thread: u32) -> u32 {
    return thread / 64u * 4u + thread % 32u / 8u;
}

fn tile_column(thread: u32) -> u32 {
    return thread / 32u % 2u * 8u + thread % 8u;
}

struct Filler {
    of_input: bool,
    // Of this invocation's block: its first row, its quad of channels, and where its first value belongs in the tile.
    row: u32,
    quad: u32,
    at: u32,
    // Where the walk along k stands.
    tap: u32,
    channel: u32,
    starts: vec4<i32>,
}

fn filler(m0: u32, n0: u32, thread: u32) -> Filler {
    let lane = thread % 128u;
    let quad = lane % QUADS;
    let of_input = thread < 128u;
    var filler = Filler(of_input, select(n0, m0, of_input) + lane / QUADS * 4u, quad, 0u, 0u, quad * 4u, vec4<i32>(0));
    filler.at = quad * TILE + ((lane / QUADS) ^ (quad * SPREAD));
    if of_input {
        filler.starts = row_starts(filler.row, 0u);
    }
    return filler;
}

fn fetch(filler: ptr<function, Filler>) -> mat4x4<f32> {
    let row = (*filler).row;
    let tap = (*filler).tap;
    let channel = (*filler).channel;
    if (*filler).of_input {
        let starts = (*filler).starts;
        return transpose(mat4x4<f32>(
            input4(starts.x, channel),
            input4(starts.y, channel),
            input4(starts.z, channel),
            input4(starts.w, channel),
        ));
    }
    return transpose(mat4x4<f32>(
        weight_at(row, tap, channel),
        weight_at(row + 1u, tap, channel),
        weight_at(row + 2u, tap, channel),
        weight_at(row + 3u, tap, channel),
    ));
}

fn advance(filler: ptr<function, Filler>) {
    (*filler).channel += DEPTH;
    if (*filler).channel - (*filler).quad * 4u >= info.channels {
        (*filler).channel = (*filler).quad * 4u;
        (*filler).tap += 1u;
        if (*filler).of_input && (*filler).tap < info.taps {
            (*filler).starts = row_starts((*filler).row, (*filler).tap);
        }
    }
}

fn put(filler: ptr<function, Filler>, block: mat4x4<f32>) {
    let at = (*filler).at;
    if (*filler).of_input {
        x_tile[at] = block[0];
        x_tile[at + TILE / 4u] = block[1];
        x_tile[at + TILE / 2u] = block[2];
        x_tile[at + TILE / 4u * 3u] = block[3];
    } else {
        w_tile[at] = block[0];
        w_tile[at + TILE / 4u] = block[1];
        w_tile[at + TILE / 2u] = block[2];
        w_tile[at + TILE / 4u * 3u] = block[3];
    }
}

// Slabs of DEPTH channels in the walk along k.
fn slabs() -> u32 {
    return info.taps * ((info.channels + DEPTH - 1u) / DEPTH);
}
