use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::Result;
use crate::nn::{Linear, LinearConfig};
use crate::weights::Scope;

/// Sinusoids of numbers such as a timestep or the sizes a picture is conditioned on [`get_timestep_embedding`].
#[derive(Debug, Clone, Copy)]
pub struct Sinusoids {
    /// Numbers made of each number; half of them cosines.
    pub width: usize,
    /// Cosines before sines.
    pub flip_sin_to_cos: bool,
    /// Shift of the frequencies.
    pub freq_shift: f64,
}

impl Sinusoids {
    /// The sinusoids of each of `numbers`, one after the other. Angles in f32, as diffusers has them.
    pub fn of(&self, numbers: &[f32]) -> Vec<f32> {
        const MAX_PERIOD: f64 = 10_000.0;
        let half = self.width / 2;
        let exponent = -MAX_PERIOD.ln() as f32;
        let divisor = (half as f64 - self.freq_shift) as f32;
        let angles =
            |number: f32| (0..half).map(move |i| number * (exponent * i as f32 / divisor).exp());
        let mut out = Vec::with_capacity(numbers.len() * self.width);
        for &number in numbers {
            let (sin, cos) = (angles(number).map(f32::sin), angles(number).map(f32::cos));
            match self.flip_sin_to_cos {
                true => out.extend(cos.chain(sin)),
                false => out.extend(sin.chain(cos)),
            }
        }
        out
    }

    /// The sinusoids of some numbers as a tensor.
    ///
    /// # Shapes
    /// - output: `[numbers, width]`
    pub fn tensor(&self, numbers: &[f32], device: &Device) -> Tensor<2> {
        let data = TensorData::new(self.of(numbers), [numbers.len(), self.width]);
        Tensor::from_data(data, device)
    }
}

/// The two-layer network behind sinusoids [`TimestepEmbedding`].
#[derive(Debug)]
pub struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimestepEmbedding {
    /// Takes `linear_1` and `linear_2`.
    pub fn init(inputs: usize, width: usize, weights: &Scope) -> Result<Self> {
        Ok(Self {
            linear_1: LinearConfig::new(inputs, width).init(&weights.at("linear_1"))?,
            linear_2: LinearConfig::new(width, width).init(&weights.at("linear_2"))?,
        })
    }

    /// # Shapes
    /// - x: `[batch, inputs]`
    /// - output: `[batch, width]`
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.linear_2.forward(silu(self.linear_1.forward(x)))
    }
}
