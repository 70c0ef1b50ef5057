use burn::tensor::Tensor;

use crate::Result;
use crate::kernels::{self, Weight, Window};
use crate::lora::Adapter;
use crate::weights::Scope;

/// A square convolution.
#[derive(Debug, Clone)]
pub struct Conv2dConfig {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Zeros before (top and left) and after (bottom and right) the picture.
    pub padding: [usize; 2],
}

/// See [`Conv2dConfig`].
#[derive(Debug)]
pub struct Conv2d {
    weight: Weight,
    bias: Tensor<1>,
    adapter: Option<Box<Adapter>>,
    config: Conv2dConfig,
}

impl Conv2dConfig {
    /// One that keeps the size of the picture.
    pub fn same(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel,
            stride: 1,
            padding: [kernel / 2; 2],
        }
    }

    /// A 3x3 convolution that halves the picture, with this much padding before and after.
    pub fn halving(channels: usize, padding: [usize; 2]) -> Self {
        Self {
            inputs: channels,
            outputs: channels,
            kernel: 3,
            stride: 2,
            padding,
        }
    }

    /// Takes `weight` and `bias`.
    pub fn init(&self, weights: &Scope) -> Result<Conv2d> {
        let shape = [self.outputs, self.kernel, self.kernel, self.inputs];
        let (weight, adapter) = weights.adapted("weight", &shape)?;
        Ok(Conv2d {
            weight,
            bias: weights.vector("bias", self.outputs)?,
            adapter,
            config: self.clone(),
        })
    }
}

impl Conv2d {
    /// # Shapes
    /// - x: `[batch, height, width, inputs]`
    /// - output: `[batch, out_height, out_width, outputs]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        self.forward_resized(x, [height, width])
    }

    /// The convolution of `x` resized to `resized` (height, width) by nearest neighbour.
    ///
    /// # Shapes
    /// As [`Self::forward`], with the output's size that of a picture of the size `resized`.
    pub fn forward_resized(&self, x: Tensor<4>, resized: [usize; 2]) -> Tensor<4> {
        let added = self.adapter.as_ref().map(|adapter| {
            adapter.added(|down, no_bias| self.config.convolve(x.clone(), resized, down, no_bias))
        });
        let y = self.config.convolve(x, resized, &self.weight, &self.bias);
        match added {
            Some(added) => y + added,
            None => y,
        }
    }
}

impl Conv2dConfig {
    /// The convolution with a weight of any number of outputs.
    fn convolve(
        &self,
        x: Tensor<4>,
        resized: [usize; 2],
        weight: &Weight,
        bias: &Tensor<1>,
    ) -> Tensor<4> {
        let [batch, height, width, inputs] = x.dims();
        let Self {
            kernel,
            stride,
            padding: [before, after],
            ..
        } = *self;
        if kernel == 1 && stride == 1 && resized == [height, width] {
            let y = kernels::linear(x.reshape([batch * height * width, inputs]), weight, bias);
            return y.reshape([batch, height, width, weight.packing.rows]);
        }
        let window = Window {
            input: [height, width],
            resized,
            output: resized.map(|size| (size + before + after - kernel) / stride + 1),
            kernel: [kernel; 2],
            stride,
            padding: [before; 2],
        };
        kernels::conv2d(x, weight, bias, window)
    }
}
