//! Convolution weights as the kernels read them.

/// `[out, in, height, width]` becomes `[out, height, width, in]`.
pub(crate) fn channels_last(
    values: Vec<f32>,
    [out, input, height, width]: [usize; 4],
) -> (Vec<f32>, [usize; 4]) {
    let area = height * width;
    let values = if area == 1 {
        values
    } else {
        values
            .chunks(input * area)
            .flat_map(|kernel| transposed(kernel, input, area))
            .collect()
    };
    (values, [out, height, width, input])
}

/// `rows` by `columns` becomes `columns` by `rows`.
pub(crate) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns)
        .flat_map(|c| (0..rows).map(move |r| values[r * columns + c]))
        .collect()
}
