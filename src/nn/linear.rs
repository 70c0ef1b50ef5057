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
    bias: Tensor<2>,
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
            bias: bias.unsqueeze(),
            adapter,
        })
    }
}

impl Linear {
    /// # Shapes
    /// - x: `[.., inputs]`
    /// - output: `[.., outputs]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.run(x, None, kernels::linear)
    }

    /// The output plus `residual`, which is of its shape.
    pub fn forward_add<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        self.run(x, Some(residual), kernels::linear)
    }

    /// GEGLU of the output [`GEGLU.forward`].
    ///
    /// # Shapes
    /// - output: `[.., outputs / 2]`
    pub fn forward_geglu<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.run(x, None, kernels::linear_geglu)
    }

    /// With `bias` added to its own: what is constant and added to the output of another layer than this is added for free.
    pub(crate) fn with_bias_added(mut self, bias: &Tensor<2>) -> Self {
        self.bias = self.bias + bias.clone();
        self
    }

    fn run<const D: usize>(
        &self,
        x: Tensor<D>,
        residual: Option<Tensor<D>>,
        product: fn(Tensor<2>, &Weight, &Tensor<2>, Option<Tensor<2>>) -> Tensor<2>,
    ) -> Tensor<D> {
        let mut dims = x.dims();
        let inputs = dims[D - 1];
        let rows = dims.iter().product::<usize>() / inputs;
        let x = x.reshape([rows, inputs]);
        let mut residual =
            residual.map(|residual| residual.reshape([rows, self.weight.packing.rows]));
        if let Some(adapter) = &self.adapter {
            let down = |down: &Weight, no_bias: &Tensor<2>| {
                kernels::linear(x.clone(), down, no_bias, None)
            };
            residual = Some(adapter.added(down, residual));
        }
        let y = product(x, &self.weight, &self.bias, residual);
        dims[D - 1] = y.dims()[1];
        y.reshape(dims)
    }
}
