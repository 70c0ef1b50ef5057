// Weights stored as f32, row-major: the four from `column` on, which may belong to the next row past the end of this one.
fn weight_values(row: u32, column: u32, columns: u32) -> vec4<f32> {
    let at = row * columns + column;
    return bitcast<vec4<f32>>(vec4<u32>(weight[at], weight[at + 1u], weight[at + 2u], weight[at + 3u]));
}

fn weight_scale(row: u32, column: u32, rows: u32, columns: u32) -> f32 {
    return 1.0;
}

fn weight4(row: u32, column: u32, rows: u32, columns: u32) -> vec4<f32> {
    return weight_values(row, column, columns);
}
