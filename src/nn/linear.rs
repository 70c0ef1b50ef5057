use burn::tensor::Tensor;

use crate::Result;
use crate::kernels::{self, Weight};
use crate::lora::Adapter;
use crate::weights::Scope;

/// A fully connected layer.
#[derive(Debug, Clone)]
pub struct LinearConfig {
    /// Input features.
    pub inputs: usize,
    /// Output features.
    pub outputs: usize,
    /// Whether the checkpoint has a bias.
    pub bias: bool,
}

/// See [`LinearConfig`].
#[derive(Debug)]
pub struct Linear {
    weight: Weight,
    bias: Tensor<1>,
    adapter: Option<Box<Adapter>>,
}

impl LinearConfig {
    /// With a bias.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: true,
        }
    }

    /// Without one.
    pub fn without_bias(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            bias: false,
        }
    }

    /// Takes `weight` and `bias`.
    pub fn init(&self, weights: &Scope) -> Result<Linear> {
        let bias = match self.bias {
            true => weights.vector("bias", self.outputs)?,
            false => weights.zeros(self.outputs),
        };
        let (weight, adapter) = weights.adapted("weight", &[self.outputs, self.inputs])?;
        Ok(Linear {
            weight,
            bias,
            adapter,
        })
    }
}

impl Linear {
    /// # Shapes
    /// - x: `[.., inputs]`
    /// - output: `[.., outputs]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut dims = x.dims();
        let inputs = dims[D - 1];
        let rows = dims.iter().product::<usize>() / inputs;
        let x = x.reshape([rows, inputs]);
        let added = self.adapter.as_ref().map(|adapter| {
            adapter.added(|down, no_bias| kernels::linear(x.clone(), down, no_bias))
        });
        let y = kernels::linear(x, &self.weight, &self.bias);
        dims[D - 1] = self.weight.packing.rows;
        match added {
            Some(added) => (y + added).reshape(dims),
            None => y.reshape(dims),
        }
    }
}
