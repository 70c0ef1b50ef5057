
// Blocks of 32 signed bytes along a row, then one f16 scale for each block of the matrix.
fn weight_at(row: u32, column: u32, rows: u32, columns: u32) -> f32 {
    let blocks = (columns + 31u) / 32u;
    let word = weight[row * blocks * 8u + column / 4u];
    let value = extractBits(i32(word), (column % 4u) * 8u, 8u);
    let block = row * blocks + column / 32u;
    let scale = unpack2x16float(weight[rows * blocks * 8u + block / 2u])[block % 2u];
    return f32(value) * scale;
}
