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
        Ok(Resnet {
            norm1: norm(inputs).init(&weights.at("norm1"))?,
            conv1: Conv2dConfig::same(inputs, outputs, 3).init(&weights.at("conv1"))?,
            time_emb_proj: self
                .time
                .map(|time| LinearConfig::new(time, outputs).init(&weights.at("time_emb_proj")))
                .transpose()?,
            norm2: norm(outputs).init(&weights.at("norm2"))?,
            conv2: Conv2dConfig::same(outputs, outputs, 3).init(&weights.at("conv2"))?,
            conv_shortcut: (inputs != outputs).then(shortcut).transpose()?,
        })
    }
}

impl Resnet {
    /// # Shapes
    /// - x: `[batch, height, width, inputs]`
    /// - time: `[batch, time]`, the embedding after SiLU
    /// - output: `[batch, height, width, outputs]`
    pub fn forward(&self, x: Tensor<4>, time: Option<&Tensor<2>>) -> Tensor<4> {
        let mut h = self.conv1.forward(self.norm1.forward_silu(x.clone()));
        if let (Some(proj), Some(time)) = (&self.time_emb_proj, time) {
            let [batch, _] = time.dims();
            let shift = proj.forward(time.clone());
            let [_, channels] = shift.dims();
            h = h + shift.reshape([batch, 1, 1, channels]);
        }
        let h = self.conv2.forward(self.norm2.forward_silu(h));
        self.shortcut(x) + h
    }

    /// What the input contributes as it is.
    pub(crate) fn shortcut(&self, x: Tensor<4>) -> Tensor<4> {
        match &self.conv_shortcut {
            Some(conv) => conv.forward(x),
            None => x,
        }
    }
}
