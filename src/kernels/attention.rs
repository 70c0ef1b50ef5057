//! Softmax attention in one pass over the keys, with no matrix of scores in memory. GPU: attention.wgsl.

use std::f64::consts::LOG2_E;

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Wgsl, launch};

/// Queries of one workgroup, and channels of a slab of its output: attention.wgsl's TILE.
const TILE: usize = 64;

pub(super) fn gpu(
    q: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    heads: usize,
    causal: bool,
) -> CubeTensor {
    let [q, k, v] = [q, k, v].map(into_contiguous);
    let [batch, queries, channels] = q.meta.shape().dims();
    let [_, keys, _] = k.meta.shape().dims::<3>();
    let width = channels / heads;
    // SDXL's heads are 64 wide; the registers of further slabs are for the VAE's one head over 512 channels.
    let (variant, slabs, declaration) = match width <= TILE {
        true => ("narrow", 1, "const SLABS: u32 = 1u;\n"),
        false => ("wide", 8, "const SLABS: u32 = 8u;\n"),
    };
    let kernel = Wgsl {
        name: vec!["attention", variant],
        parts: vec![declaration, include_str!("attention.wgsl")],
        value: q.dtype,
    };
    // The kernel's exponentials are powers of two.
    let scale = LOG2_E / (width as f64).sqrt();
    let [queries32, keys, heads32, width32] = [queries, keys, heads, width].map(|n| n as u32);
    let info = [
        queries32,
        keys,
        heads32,
        width32,
        u32::from(causal),
        (scale as f32).to_bits(),
    ];
    let workgroups = [
        queries.div_ceil(TILE),
        batch * heads * width.div_ceil(slabs * TILE),
    ];
    let output = (q.dtype, [batch, queries, channels]);
    launch(kernel, &[q, k, v], output, &info, workgroups)
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) mod plain {
    use burn::backend::ops::{AttentionModuleOptions, ModuleOps};
    use burn::tensor::Shape;
    use burn_flex::{Flex, FlexTensor};

    pub fn attention(
        q: FlexTensor,
        k: FlexTensor,
        v: FlexTensor,
        heads: usize,
        causal: bool,
    ) -> FlexTensor {
        let shape = q.layout().shape().clone();
        let by_head = |x: FlexTensor| {
            let [batch, tokens, channels] = x.layout().shape().dims();
            let heads = Shape::new([batch, tokens, heads, channels / heads]);
            x.reshape(heads).transpose(1, 2)
        };
        let [q, k, v] = [q, k, v].map(by_head);
        let options = AttentionModuleOptions {
            is_causal: causal,
            ..Default::default()
        };
        let y = Flex::attention(q, k, v, None, None, options);
        y.transpose(1, 2).to_contiguous().reshape(shape)
    }
}
