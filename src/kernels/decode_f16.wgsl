
// Weights stored as f16, row-major, two to a word.
fn weight_at(row: u32, column: u32, rows: u32, columns: u32) -> f32 {
    let index = row * columns + column;
    return unpack2x16float(weight[index / 2u])[index % 2u];
}
