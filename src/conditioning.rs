//! What a UNet is told besides the noisy latent: the text, and the sizes of the paper (arXiv 2307.01952, section 2.2).

use burn::tensor::Tensor;

/// Text and sizes for a batch.
#[derive(Debug, Clone)]
pub struct Conditioning {
    /// States of the text encoders: `[batch, tokens, width]`.
    pub context: Tensor<3>,
    /// Pooled text: `[batch, width]`.
    pub pooled: Tensor<2>,
    /// Size ids of each of the batch.
    pub time_ids: Vec<Vec<f32>>,
}

impl Conditioning {
    /// Each of the batch `times` in a row.
    pub fn repeat(self, times: usize) -> Self {
        if times == 1 {
            return self;
        }
        let [batch, _, _] = self.context.dims();
        let rows = || (0..batch).flat_map(|row| std::iter::repeat_n(row, times));
        let context = rows().map(|row| self.context.clone().narrow(0, row, 1));
        let pooled = rows().map(|row| self.pooled.clone().narrow(0, row, 1));
        Self {
            context: Tensor::cat(context.collect(), 0),
            pooled: Tensor::cat(pooled.collect(), 0),
            time_ids: rows().map(|row| self.time_ids[row].clone()).collect(),
        }
    }

    /// Both as one batch, `self` first.
    pub fn join(self, other: Self) -> Self {
        Self {
            context: Tensor::cat(vec![self.context, other.context], 0),
            pooled: Tensor::cat(vec![self.pooled, other.pooled], 0),
            time_ids: [self.time_ids, other.time_ids].concat(),
        }
    }
}

/// The sizes a picture is conditioned on, each (height, width) or (top, left).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeConditioning {
    /// Size of the picture before it was scaled for training.
    pub original_size: [u32; 2],
    /// Where it was cropped.
    pub crop_top_left: [u32; 2],
    /// Size it was cropped to.
    pub target_size: [u32; 2],
}

impl SizeConditioning {
    /// The base's size ids [`StableDiffusionXLPipeline._get_add_time_ids`].
    pub fn base_ids(&self) -> Vec<f32> {
        [self.original_size, self.crop_top_left, self.target_size]
            .concat()
            .iter()
            .map(|&n| n as f32)
            .collect()
    }

    /// The refiner's, which ends with an aesthetic score instead of the target size
    /// [`StableDiffusionXLImg2ImgPipeline._get_add_time_ids`].
    pub fn refiner_ids(&self, aesthetic_score: f32) -> Vec<f32> {
        let sizes = [self.original_size, self.crop_top_left].concat();
        sizes
            .iter()
            .map(|&n| n as f32)
            .chain([aesthetic_score])
            .collect()
    }
}
