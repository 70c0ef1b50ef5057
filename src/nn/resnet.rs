use burn::tensor::Tensor;

use super::{Conv2d, Conv2dConfig, GroupNorm, GroupNormConfig, Linear, LinearConfig};
use crate::Result;
use crate::weights::Scope;

/// The residual block of UNet and VAE [`ResnetBlock2D` in diffusers].
#[derive(Debug, Clone)]
pub struct ResnetConfig {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Width of the time embedding; the VAE has none.
    pub time: Option<usize>,
    /// Groups of both norms.
    pub groups: usize,
    /// Epsilon of both norms.
    pub eps: f64,
}

/// See [`ResnetConfig`].
#[derive(Debug)]
pub struct Resnet {
    // The VAE runs these over strips of a picture.
    pub(crate) norm1: GroupNorm,
    pub(crate) conv1: Conv2d,
    /// Its bias is added to that of the first convolution, whose output it is added to.
    time_emb_proj: Option<Linear>,
    pub(crate) norm2: GroupNorm,
    pub(crate) conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetConfig {
    /// Takes the block's weights; there is a shortcut convolution where input and output differ in width.
    pub fn init(&self, weights: &Scope) -> Result<Resnet> {
        let Self {
            inputs,
            outputs,
            groups,
            eps,
            ..
        } = *self;
        let norm = |channels| GroupNormConfig {
            groups,
            channels,
            eps,
        };
        let shortcut = || Conv2dConfig::same(inputs, outputs, 1).init(&weights.at("conv_shortcut"));
        let conv1 = Conv2dConfig::same(inputs, outputs, 3).init(&weights.at("conv1"))?;
        let project = |time| LinearConfig::new(time, outputs).init(&weights.at("time_emb_proj"));
        let time_emb_proj = self.time.map(project).transpose()?;
        Ok(Resnet {
            norm1: norm(inputs).init(&weights.at("norm1"))?,
            time_emb_proj: time_emb_proj.map(|proj| proj.with_bias_added(conv1.bias())),
            conv1,
            norm2: norm(outputs).init(&weights.at("norm2"))?,
            conv2: Conv2dConfig::same(outputs, outputs, 3).init(&weights.at("conv2"))?,
            conv_shortcut: (inputs != outputs).then(shortcut).transpose()?,
        })
    }
}

impl Resnet {
    /// # Shapes
    /// - x: `[batch, height, width, inputs]`
    /// - time: `[batch, time]`, the embedding after SiLU, in f32
    /// - output: `[batch, height, width, outputs]`
    pub fn forward(&self, x: Tensor<4>, time: Option<&Tensor<2>>) -> Tensor<4> {
        let h = self.norm1.forward_silu(x.clone());
        let h = match (&self.time_emb_proj, time) {
            (Some(proj), Some(time)) => self.conv1.forward_biased(h, &proj.forward(time.clone())),
            _ => self.conv1.forward(h),
        };
        let h = self.norm2.forward_silu(h);
        self.conv2.forward_add(h, self.shortcut(x))
    }

    /// What the input contributes as it is.
    pub(crate) fn shortcut(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.conv_shortcut {
            Some(conv) => conv.forward(x),
            None => x,
        }
    }
}
