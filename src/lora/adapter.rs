//! The LoRAs of one layer, joined.

use std::collections::BTreeMap;

use burn::tensor::{DType, Tensor, TensorData};

use super::FittedLora;
use super::fit::Factors;
use crate::kernels::{self, Weight};
use crate::weights::ComponentName;

/// LoRAs in use, each with its weight. Without any, loading is as if they did not exist.
#[derive(Debug, Default)]
pub struct Adapters<'a> {
    uses: Vec<(&'a FittedLora, f64)>,
}

/// An addition to a layer's weight, on the device.
#[derive(Debug)]
pub struct Adapter {
    down: Weight,
    up: Weight,
    /// Of each rank, in f32 whatever the factors are in.
    scale: Tensor<1>,
    /// The biases of both, which they have not.
    zeros: [Tensor<2>; 2],
}

impl<'a> Adapters<'a> {
    /// Uses one more LoRA; its addition is multiplied by `weight`, a finite number that may be negative.
    pub fn add(&mut self, lora: &'a FittedLora, weight: f64) {
        self.uses.push((lora, weight));
    }

    /// Bytes of the largest of the joined factors, in f32.
    pub(crate) fn largest_factor(&self) -> u64 {
        let mut values = BTreeMap::new();
        let used = self.uses.iter().filter(|(_, weight)| *weight != 0.0);
        for (layer, sizes) in used.flat_map(|(lora, _)| lora.sizes()) {
            let joined: &mut [u64; 2] = values.entry(layer).or_default();
            joined
                .iter_mut()
                .zip(sizes)
                .for_each(|(sum, size)| *sum += size);
        }
        let largest = values.into_values().flatten().max().unwrap_or_default();
        largest * size_of::<f32>() as u64
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.uses.iter().all(|(_, weight)| *weight == 0.0)
    }

    /// Bytes of all factors, in f32.
    pub(crate) fn bytes(&self) -> u64 {
        let used = self.uses.iter().filter(|(_, weight)| *weight != 0.0);
        let values = used
            .flat_map(|(lora, _)| lora.sizes())
            .flat_map(|(_, sizes)| sizes);
        values.sum::<u64>() * size_of::<f32>() as u64
    }

    /// The joined factors of the additions to a weight, where there are any.
    pub(crate) fn low_rank(&self, component: ComponentName, tensor: &str) -> Option<LowRank> {
        let layer = tensor.strip_suffix(".weight")?;
        let used = self.uses.iter().filter(|(_, weight)| *weight != 0.0);
        let parts: Vec<Factors> = used
            .filter_map(|(lora, weight)| lora.factors(component, layer, *weight))
            .collect();
        LowRank::join(&parts)
    }
}

/// `up · diag(scale) · down`: the sum of several LoRAs' products is one product of their factors side by side.
pub(crate) struct LowRank {
    /// Ranks of all.
    pub rank: usize,
    /// `[rank, in]`; convolutions `[rank, height, width, in]`.
    pub down: Vec<f32>,
    /// `[out, rank]`.
    pub up: Vec<f32>,
    /// `[rank]`.
    pub scale: Vec<f32>,
}

impl LowRank {
    fn join(parts: &[Factors]) -> Option<Self> {
        let first = parts.first()?;
        let outputs = first.up.len() / first.rank;
        let rows = |row: usize| {
            let row = move |part: &Factors| row * part.rank..(row + 1) * part.rank;
            parts.iter().flat_map(move |part| &part.up[row(part)])
        };
        Some(Self {
            rank: parts.iter().map(|part| part.rank).sum(),
            down: parts.iter().flat_map(|part| &part.down).copied().collect(),
            up: (0..outputs).flat_map(rows).copied().collect(),
            scale: parts
                .iter()
                .flat_map(|part| std::iter::repeat_n(part.scale, part.rank))
                .collect(),
        })
    }
}

impl Adapter {
    /// Of matrices `[rank, columns]` and `[out, rank]`, and the scale of each rank.
    pub(crate) fn new(down: Weight, up: Weight, scale: Vec<f32>) -> Self {
        let device = down.words.device();
        let scale = Tensor::from_data(TensorData::new(scale, [down.packing.rows]), &device);
        let zeros = [&down, &up].map(|half| Tensor::zeros([1, half.packing.rows], &device));
        Self {
            down,
            up,
            scale,
            zeros,
        }
    }

    /// What is added to a layer's output, on top of `residual`: `up` of `down`, which is given the layer's input, the weight to
    /// multiply it by and the bias to add, and does what the layer itself does with those.
    ///
    /// # Shapes
    /// - output of `product`: `[.., rank]`
    /// - residual, output: `[.., out]`
    pub(crate) fn added<const D: usize>(
        &self,
        product: impl FnOnce(&Weight, &Tensor<2>) -> Tensor<D>,
        residual: Option<Tensor<D>>,
    ) -> Tensor<D> {
        let [no_bias, no_bias_up] = &self.zeros;
        let x = product(&self.down, no_bias);
        let mut dims = x.dims();
        let rank = dims[D - 1];
        let rows = dims.iter().product::<usize>() / rank;
        let dtype = x.dtype();
        let scaled = x.reshape([rows, rank]).cast(DType::F32) * self.scale.clone().unsqueeze();
        let x = scaled.cast(dtype);
        dims[D - 1] = self.up.packing.rows;
        let residual = residual.map(|residual| residual.reshape([rows, self.up.packing.rows]));
        kernels::linear(x, &self.up, no_bias_up, residual).reshape(dims)
    }
}
