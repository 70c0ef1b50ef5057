
// The patches of an NHWC picture as the input of gemm.wgsl: row m is an output pixel, column k is (ky, kx, channel).
// The picture is read as if it had been resized to virtual_height x virtual_width by nearest neighbour first,
// so that an upsampling never has to be stored. A row is (valid, image start, top, left), a column (valid, ky, kx, channel).

fn input_row(m: u32) -> vec4<i32> {
    let pixels = info.out_height * info.out_width;
    let image = m / pixels;
    let pixel = m % pixels;
    let top = i32((pixel / info.out_width) * info.stride) - i32(info.pad_top);
    let left = i32((pixel % info.out_width) * info.stride) - i32(info.pad_left);
    return vec4<i32>(i32(m < info.m), i32(image * info.height * info.width * info.channels), top, left);
}

fn input_column(k: u32) -> vec4<i32> {
    let tap = k / info.channels;
    return vec4<i32>(
        i32(k < info.k),
        i32(tap / info.kernel_width),
        i32(tap % info.kernel_width),
        i32(k % info.channels),
    );
}

fn input_at(row: vec4<i32>, column: vec4<i32>) -> f32 {
    let at = row.zw + column.yz;
    if row.x == 0 || column.x == 0 || at.x < 0 || at.y < 0
        || at.x >= i32(info.virtual_height) || at.y >= i32(info.virtual_width) {
        return 0.0;
    }
    let source_y = u32(at.x) * info.height / info.virtual_height;
    let source_x = u32(at.y) * info.width / info.virtual_width;
    return x[u32(row.y) + (source_y * info.width + source_x) * info.channels + u32(column.w)];
}
