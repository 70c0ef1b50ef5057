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
        let mut moved = Vec::with_capacity(values.len());
        for kernel in values.chunks(input * area) {
            transpose(kernel, area, &mut moved);
        }
        moved
    };
    (values, [out, height, width, input])
}

/// Appends the columns of a matrix with so many of them.
pub(crate) fn transpose(values: &[f32], columns: usize, to: &mut Vec<f32>) {
    for column in 0..columns {
        to.extend(values[column..].iter().step_by(columns));
    }
}
