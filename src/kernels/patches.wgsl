// The patches of an NHWC picture as the input of gemm.wgsl: row m is an output pixel, a tap is (ky, kx).
// The picture is read as if it had been resized to resized_height x resized_width by nearest neighbour first, so that an
// upsampling never has to be stored. Padding may be negative, in two's complement.

// Where the pixel lies in x, or -1 where it is padding.
fn row_start(m: u32, tap: u32) -> i32 {
    let pixels = info.out_height * info.out_width;
    let pixel = m % pixels;
    var at = vec2<i32>(
        i32(pixel / info.out_width * info.stride + tap / info.kernel_width) - i32(info.pad_top),
        i32(pixel % info.out_width * info.stride + tap % info.kernel_width) - i32(info.pad_left),
    );
    let is_inside = all(at >= vec2<i32>(0)) && at.x < i32(info.resized_height) && at.y < i32(info.resized_width);
    at.x = i32(u32(at.x) * info.height / info.resized_height);
    at.y = i32(u32(at.y) * info.width / info.resized_width);
    let image = i32(m / pixels * info.height);
    return select(-1, ((image + at.x) * i32(info.width) + at.y) * i32(info.channels), is_inside);
}
