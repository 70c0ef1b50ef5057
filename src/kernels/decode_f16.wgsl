// Weights stored as f16, row-major, two to a word: the four from `column` on, which may belong to the next row past the end
// of this one. A row of an odd number of columns may start in the middle of a word.
fn weight_values(row: u32, column: u32, columns: u32) -> vec4<f32> {
    let index = row * columns + column;
    let at = index / 2u;
    let first = unpack2x16float(weight[at]);
    let second = unpack2x16float(weight[at + 1u]);
    let third = unpack2x16float(weight[at + 1u + index % 2u]);
    return select(vec4<f32>(first.y, second, third.x), vec4<f32>(first, second), index % 2u == 0u);
}

fn weight_scale(row: u32, column: u32, rows: u32, columns: u32) -> f32 {
    return 1.0;
}

fn weight4(row: u32, column: u32, rows: u32, columns: u32) -> vec4<f32> {
    return weight_values(row, column, columns);
}
