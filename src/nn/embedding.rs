use burn::tensor::{Int, Tensor};

use crate::Result;
use crate::kernels::{self, Weight};
use crate::weights::Scope;

/// A table of vectors.
#[derive(Debug, Clone)]
pub struct EmbeddingConfig {
    /// Number of vectors.
    pub count: usize,
    /// Size of a vector.
    pub width: usize,
}

/// See [`EmbeddingConfig`].
#[derive(Debug)]
pub struct Embedding {
    weight: Weight,
}

impl EmbeddingConfig {
    /// Takes `weight`.
    pub fn init(&self, weights: &Scope) -> Result<Embedding> {
        Ok(Embedding {
            weight: weights.matrix("weight", &[self.count, self.width])?,
        })
    }
}

impl Embedding {
    /// # Shapes
    /// - ids: `[count]`
    /// - output: `[count, width]`
    pub fn forward(&self, ids: Tensor<1, Int>) -> Tensor<2> {
        kernels::embedding(&self.weight, ids)
    }
}
