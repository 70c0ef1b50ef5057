// Blocks of 32 signed nibbles along a row, lowest first, then one f16 scale for each block of the matrix.

// The four nibbles from `column` on, which must be a multiple of four.
fn weight_values(row: u32, column: u32, columns: u32) -> vec4<f32> {
    let word = vec4<i32>(i32(weight[row * ((columns + 31u) / 32u) * 4u + column / 8u] >> ((column % 8u) * 4u)));
    return vec4<f32>((word << vec4<u32>(28u, 24u, 20u, 16u)) >> vec4<u32>(28u));
}

// What they are multiplied by.
fn weight_scale(row: u32, column: u32, rows: u32, columns: u32) -> f32 {
    let blocks = (columns + 31u) / 32u;
    let block = row * blocks + column / 32u;
    let scales = unpack2x16float(weight[rows * blocks * 4u + block / 2u]);
    return select(scales.x, scales.y, block % 2u == 1u);
}

fn weight4(row: u32, column: u32, rows: u32, columns: u32) -> vec4<f32> {
    return weight_values(row, column, columns) * weight_scale(row, column, rows, columns);
}
