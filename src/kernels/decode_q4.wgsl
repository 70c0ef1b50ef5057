
// Blocks of 32 signed nibbles along a row, lowest first, then one f16 scale for each block of the matrix.
fn weight_at(row: u32, column: u32, rows: u32, columns: u32) -> f32 {
    let blocks = (columns + 31u) / 32u;
    let word = weight[row * blocks * 4u + column / 8u];
    let value = extractBits(i32(word), (column % 8u) * 4u, 4u);
    let block = row * blocks + column / 32u;
    let scale = unpack2x16float(weight[rows * blocks * 4u + block / 2u])[block % 2u];
    return f32(value) * scale;
}
