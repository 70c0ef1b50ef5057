
// The patches of an NHWC picture as the input of gemm.wgsl: row m is an output pixel, column k is (ky, kx, channel).
// The picture is read as if it had been resized to resized_height x resized_width by nearest neighbour first, so that an
// upsampling never has to be stored. A row is (valid, start of the image, top, left). Padding may be negative, in two's
// complement.

fn input_row(m: u32) -> vec4<i32> {
    let pixels = info.out_height * info.out_width;
    let image = m / pixels;
    let pixel = m % pixels;
    let top = i32((pixel / info.out_width) * info.stride) - i32(info.pad_top);
    let left = i32((pixel % info.out_width) * info.stride) - i32(info.pad_left);
    return vec4<i32>(i32(m < info.m), i32(image * info.height * info.width * info.channels), top, left);
}

fn input4(row: vec4<i32>, k: u32) -> vec4<f32> {
    if row.x == 0 || k >= info.k {
        return vec4<f32>(0.0);
    }
    if info.channels % 4u == 0u {
        let at = address(row, k);
        if at < 0 {
            return vec4<f32>(0.0);
        }
        let start = u32(at);
        return vec4<f32>(f32(x[start]), f32(x[start + 1u]), f32(x[start + 2u]), f32(x[start + 3u]));
    }
    return vec4<f32>(input1(row, k), input1(row, k + 1u), input1(row, k + 2u), input1(row, k + 3u));
}

fn input1(row: vec4<i32>, k: u32) -> f32 {
    if k >= info.k {
        return 0.0;
    }
    let at = address(row, k);
    if at < 0 {
        return 0.0;
    }
    return f32(x[u32(at)]);
}

// Where the value lies in x, or -1 where it is padding.
fn address(row: vec4<i32>, k: u32) -> i32 {
    let tap = k / info.channels;
    var at = row.zw + vec2<i32>(i32(tap / info.kernel_width), i32(tap % info.kernel_width));
    if at.x < 0 || at.y < 0 || at.x >= i32(info.resized_height) || at.y >= i32(info.resized_width) {
        return -1;
    }
    if info.resized_height != info.height || info.resized_width != info.width {
        at.x = i32(u32(at.x) * info.height / info.resized_height);
        at.y = i32(u32(at.y) * info.width / info.resized_width);
    }
    return row.y + (at.x * i32(info.width) + at.y) * i32(info.channels) + i32(k % info.channels);
}
