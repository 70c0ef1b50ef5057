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
    bias: Tensor<2>,
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
            bias: weights.vector("bias", self.outputs)?.unsqueeze(),
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

    /// The output plus `residual`, which is of its shape.
    pub fn forward_add(&self, x: Tensor<4>, residual: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        let window = self.window([height, width], [height, width]);
        self.run(x, &self.bias, Some(residual), window)
    }

    /// The output with `bias` instead of the layer's own; see [`Self::bias`].
    ///
    /// # Shapes
    /// - bias: `[batch, outputs]`
    pub fn forward_biased(&self, x: Tensor<4>, bias: &Tensor<2>) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        self.run(x, bias, None, self.window([height, width], [height, width]))
    }

    /// `[1, outputs]`.
    pub fn bias(&self) -> &Tensor<2> {
        &self.bias
    }

    /// The convolution of `x` resized to `resized` (height, width) by nearest neighbour.
    ///
    /// # Shapes
    /// As [`Self::forward`], with the output's size that of a picture of the size `resized`.
    pub fn forward_resized(&self, x: Tensor<4>, resized: [usize; 2]) -> Tensor<4> {
        let [_, height, width, _] = x.dims();
        self.forward_window(x, self.window([height, width], resized), None)
    }

    /// What a convolution of a picture of the size `input`, resized to `resized`, sees.
    pub fn window(&self, input: [usize; 2], resized: [usize; 2]) -> Window {
        let Conv2dConfig {
            kernel,
            stride,
            padding: [before, after],
            ..
        } = self.config;
        Window {
            input,
            resized,
            output: resized.map(|size| (size + before + after - kernel) / stride + 1),
            kernel: [kernel; 2],
            stride,
            padding: [before as isize; 2],
        }
    }

    /// The convolution through [`Self::window`] or a part of it, see [`Window::rows`], plus `residual`, which is of its shape.
    pub fn forward_window(
        &self,
        x: Tensor<4>,
        window: Window,
        residual: Option<Tensor<4>>,
    ) -> Tensor<4> {
        self.run(x, &self.bias, residual, window)
    }

    fn run(
        &self,
        x: Tensor<4>,
        bias: &Tensor<2>,
        mut residual: Option<Tensor<4>>,
        window: Window,
    ) -> Tensor<4> {
        if let Some(adapter) = &self.adapter {
            let down = |down: &Weight, no_bias: &Tensor<2>| {
                convolve(x.clone(), down, no_bias, None, window)
            };
            residual = Some(adapter.added(down, residual));
        }
        convolve(x, &self.weight, bias, residual, window)
    }
}

fn convolve(
    x: Tensor<4>,
    weight: &Weight,
    bias: &Tensor<2>,
    residual: Option<Tensor<4>>,
    window: Window,
) -> Tensor<4> {
    let [batch, height, width, inputs] = x.dims();
    if window.kernel == [1, 1] && window.stride == 1 && window.resized == [height, width] {
        let (rows, outputs) = (batch * height * width, weight.packing.rows);
        let residual = residual.map(|residual| residual.reshape([rows, outputs]));
        let y = kernels::linear(x.reshape([rows, inputs]), weight, bias, residual);
        return y.reshape([batch, height, width, outputs]);
    }
    kernels::conv2d(x, weight, bias, residual, window)
}
