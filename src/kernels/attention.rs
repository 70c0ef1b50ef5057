//! Softmax attention in one pass over the keys, with no matrix of scores in memory. GPU: attention_info.wgsl with
//! attention_shared.wgsl or attention_alone.wgsl, and attention_quads.wgsl or attention_singles.wgsl.

use std::f64::consts::LOG2_E;

use burn::backend::wgpu::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::launch::{Wgsl, launch_in_parts};
use super::tuning::tuning;

/// One way of sharing the work out.
struct Way {
    name: &'static str,
    parts: Vec<&'static str>,
    /// Queries of one workgroup, and channels of its output.
    tile: [usize; 2],
}

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
    let way = way(width);
    let (lanes, memory) = match width.is_multiple_of(4) {
        true => ("quads", include_str!("attention_quads.wgsl")),
        false => ("singles", include_str!("attention_singles.wgsl")),
    };
    let kernel = Wgsl {
        name: vec!["attention", way.name, lanes],
        parts: [&[include_str!("attention_info.wgsl"), memory], &*way.parts].concat(),
        value: q.dtype,
    };
    // The kernel's exponentials are powers of two.
    let scale = LOG2_E / (width as f64).sqrt();
    let mut info = [queries, keys, heads, width, usize::from(causal)]
        .map(|n| n as u32)
        .to_vec();
    info.push((scale as f32).to_bits());
    let [tile_queries, tile_channels] = way.tile;
    let workgroups = [
        queries.div_ceil(tile_queries),
        batch * heads * width.div_ceil(tile_channels),
    ];
    let output = (q.dtype, [batch, queries, channels]);
    let multiply_adds = [2, batch, queries, keys, channels].map(|n| n as u64);
    launch_in_parts(
        kernel,
        &[q, k, v],
        output,
        &info,
        workgroups,
        multiply_adds.iter().product(),
    )
}

fn way(width: usize) -> Way {
    // attention_shared.wgsl's QUERIES and SLAB; attention_alone.wgsl's QUERIES times WORKERS, and four times its SLAB.
    const SHARED: [usize; 2] = [128, 64];
    const ALONE: [usize; 2] = [16, 128];
    if !tuning().shared {
        return Way {
            name: "alone",
            parts: vec![include_str!("attention_alone.wgsl")],
            tile: ALONE,
        };
    }
    // SDXL's heads are 64 wide; the registers of further slabs are for the VAE's one head over 512 channels.
    let (name, slabs, declaration) = match width <= SHARED[1] {
        true => ("narrow", 1, "const SLABS: u32 = 1u;\n"),
        false => ("wide", 4, "const SLABS: u32 = 4u;\n"),
    };
    Way {
        name,
        parts: vec![declaration, include_str!("attention_shared.wgsl")],
        tile: [SHARED[0], slabs * SHARED[1]],
    }
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
