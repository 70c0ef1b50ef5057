
// Weights stored as f32, row-major.
fn weight_at(row: u32, column: u32, rows: u32, columns: u32) -> f32 {
    return bitcast<f32>(weight[row * columns + column]);
}
