use burn::tensor::Tensor;

use crate::Result;
use crate::kernels::{self, GroupNormOptions};
use crate::weights::Scope;

/// Normalization over groups of channels, with scale and shift.
#[derive(Debug, Clone)]
pub struct GroupNormConfig {
    /// Number of groups.
    pub groups: usize,
    /// Channels.
    pub channels: usize,
    /// Added to the variance.
    pub eps: f64,
}

/// See [`GroupNormConfig`].
#[derive(Debug)]
pub struct GroupNorm {
    gamma: Tensor<1>,
    beta: Tensor<1>,
    groups: usize,
    eps: f32,
}

impl GroupNormConfig {
    /// Takes `weight` and `bias`.
    pub fn init(&self, weights: &Scope) -> Result<GroupNorm> {
        Ok(GroupNorm {
            gamma: weights.vector("weight", self.channels)?,
            beta: weights.vector("bias", self.channels)?,
            groups: self.groups,
            eps: self.eps as f32,
        })
    }
}

impl GroupNorm {
    /// # Shapes
    /// - x, output: `[batch, height, width, channels]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(x, false)
    }

    /// The normalized tensor through SiLU; shapes as [`Self::forward`].
    pub fn forward_silu(&self, x: Tensor<4>) -> Tensor<4> {
        self.run(x, true)
    }

    /// What any GroupNorm's [`Self::apply_silu`] has to know of a picture that lies in `parts` of its rows.
    ///
    /// # Shapes
    /// - parts: `[batch, rows, width, channels]`
    /// - output: as of [`kernels::group_norm_statistics`]
    pub fn statistics(parts: &[Tensor<4>]) -> Tensor<4> {
        match parts {
            [whole] => kernels::group_norm_statistics(whole.clone()),
            parts => {
                let of = |part: &Tensor<4>| kernels::group_norm_statistics(part.clone());
                Tensor::cat(parts.iter().map(of).collect(), 0)
            }
        }
    }

    /// Some rows of a picture, normalized by the statistics of all of it, through SiLU.
    pub fn apply_silu(&self, x: Tensor<4>, statistics: &Tensor<4>) -> Tensor<4> {
        self.apply(x, statistics, true)
    }

    fn run(&self, x: Tensor<4>, silu: bool) -> Tensor<4> {
        let statistics = kernels::group_norm_statistics(x.clone());
        self.apply(x, &statistics, silu)
    }

    fn apply(&self, x: Tensor<4>, statistics: &Tensor<4>, silu: bool) -> Tensor<4> {
        let options = GroupNormOptions {
            groups: self.groups,
            eps: self.eps,
            silu,
        };
        kernels::group_norm(x, statistics, &self.gamma, &self.beta, options)
    }
}

/// Normalization over the last axis, with scale and shift.
#[derive(Debug, Clone)]
pub struct LayerNormConfig {
    /// Size of the last axis.
    pub width: usize,
    /// Added to the variance.
    pub eps: f64,
}

/// See [`LayerNormConfig`].
#[derive(Debug)]
pub struct LayerNorm {
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f32,
}

impl LayerNormConfig {
    /// Takes `weight` and `bias`.
    pub fn init(&self, weights: &Scope) -> Result<LayerNorm> {
        Ok(LayerNorm {
            gamma: weights.vector("weight", self.width)?,
            beta: weights.vector("bias", self.width)?,
            eps: self.eps as f32,
        })
    }
}

impl LayerNorm {
    /// # Shapes
    /// - x, output: `[.., width]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::layer_norm(x, &self.gamma, &self.beta, self.eps)
    }
}
