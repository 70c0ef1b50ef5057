//! What a forward has to compute, counted: every layer by its shape, and how often that shape occurs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// A call of one kernel. Sizes of pictures are height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// [`crate::kernels::linear`], which 1x1 convolutions are as well.
    Linear {
        /// Rows of the input.
        rows: usize,
        /// Input features.
        inputs: usize,
        /// Output features.
        outputs: usize,
    },
    /// [`crate::kernels::conv2d`] with a kernel of 3x3 and a padding of 1.
    Conv2d {
        /// Pictures.
        batch: usize,
        /// Size of the input.
        input: [usize; 2],
        /// Size that the input is resized to first.
        resized: [usize; 2],
        /// Step between outputs.
        stride: usize,
        /// Input channels.
        inputs: usize,
        /// Output channels.
        outputs: usize,
    },
    /// [`crate::kernels::attention`].
    Attention {
        /// Pictures.
        batch: usize,
        /// Queries of each.
        queries: usize,
        /// Keys of each.
        keys: usize,
        /// Heads.
        heads: usize,
        /// Width of a head.
        width: usize,
    },
    /// [`crate::kernels::group_norm`] and the statistics before it.
    GroupNorm {
        /// Pictures.
        batch: usize,
        /// Size of each.
        size: [usize; 2],
        /// Channels.
        channels: usize,
        /// Groups of channels.
        groups: usize,
    },
    /// [`crate::kernels::layer_norm`].
    LayerNorm {
        /// Rows of the input.
        rows: usize,
        /// Size of a row.
        width: usize,
    },
}

/// Which kernel computes a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Matrix products with weights.
    Linear,
    /// Convolutions of 3x3.
    Conv2d,
    /// Scores and values.
    Attention,
    /// GroupNorm and LayerNorm, bound by memory.
    Norm,
}

/// The layers of a network's forward.
#[derive(Debug, Clone, Default)]
pub struct Work {
    layers: BTreeMap<Layer, usize>,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Linear, Self::Conv2d, Self::Attention, Self::Norm];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linear => "linear",
            Self::Conv2d => "conv2d",
            Self::Attention => "attention",
            Self::Norm => "norms",
        })
    }
}

impl Layer {
    /// Which kernel computes it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Linear { .. } => Kind::Linear,
            Self::Conv2d { .. } => Kind::Conv2d,
            Self::Attention { .. } => Kind::Attention,
            Self::GroupNorm { .. } | Self::LayerNorm { .. } => Kind::Norm,
        }
    }

    /// Multiplications and additions; norms are counted as none, see [`Self::values_moved`].
    pub fn flops(&self) -> u64 {
        match *self {
            Self::Linear {
                rows,
                inputs,
                outputs,
            } => 2 * product(&[rows, inputs, outputs]),
            Self::Conv2d {
                batch,
                inputs,
                outputs,
                ..
            } => {
                let [height, width] = self.output();
                2 * 9 * product(&[batch, height, width, inputs, outputs])
            }
            // Scores, then values.
            Self::Attention {
                batch,
                queries,
                keys,
                heads,
                width,
            } => 4 * product(&[batch, queries, keys, heads, width]),
            Self::GroupNorm { .. } | Self::LayerNorm { .. } => 0,
        }
    }

    /// Activations that a norm reads and writes; GroupNorm reads its input twice.
    pub fn values_moved(&self) -> u64 {
        match *self {
            Self::GroupNorm {
                batch,
                size,
                channels,
                ..
            } => 3 * product(&[batch, size[0], size[1], channels]),
            Self::LayerNorm { rows, width } => 2 * product(&[rows, width]),
            _ => 0,
        }
    }

    /// Size of a convolution's output.
    pub(super) fn output(&self) -> [usize; 2] {
        match *self {
            Self::Conv2d {
                resized, stride, ..
            } => resized.map(|side| (side - 1) / stride + 1),
            _ => [0; 2],
        }
    }

    /// Values of its largest input or output.
    pub(super) fn largest_tensor(&self) -> u64 {
        match *self {
            Self::Linear {
                rows,
                inputs,
                outputs,
            } => product(&[rows, inputs.max(outputs)]),
            Self::Conv2d {
                batch,
                input,
                inputs,
                outputs,
                ..
            } => {
                let of = |[height, width]: [usize; 2], channels| {
                    product(&[batch, height, width, channels])
                };
                of(input, inputs).max(of(self.output(), outputs))
            }
            Self::Attention {
                batch,
                queries,
                keys,
                heads,
                width,
            } => product(&[batch, queries.max(keys), heads, width]),
            Self::GroupNorm {
                batch,
                size,
                channels,
                ..
            } => product(&[batch, size[0], size[1], channels]),
            Self::LayerNorm { rows, width } => product(&[rows, width]),
        }
    }

    /// About one of `parts` of it, attention by its queries.
    pub(super) fn part(self, parts: usize) -> Self {
        match self {
            Self::Attention {
                batch,
                queries,
                keys,
                heads,
                width,
            } => Self::Attention {
                batch,
                queries: queries.div_ceil(parts),
                keys,
                heads,
                width,
            },
            whole => whole.strip(parts),
        }
    }

    /// One of `parts` strips of it, as the VAE cuts what is larger than a binding; attention stays whole.
    pub(super) fn strip(self, parts: usize) -> Self {
        let cut = |[height, width]: [usize; 2]| [height.div_ceil(parts), width];
        let mut strip = self;
        match &mut strip {
            Self::Linear { rows, .. } | Self::LayerNorm { rows, .. } => {
                *rows = rows.div_ceil(parts);
            }
            Self::Conv2d { input, resized, .. } => {
                let factor = resized[0] / input[0];
                *input = cut(*input);
                resized[0] = input[0] * factor;
            }
            Self::GroupNorm { size, .. } => *size = cut(*size),
            Self::Attention { .. } => {}
        }
        strip
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Linear {
                rows,
                inputs,
                outputs,
            } => write!(f, "linear {rows} x {inputs} -> {outputs}"),
            Self::Conv2d {
                batch,
                input: [height, width],
                resized,
                stride,
                inputs,
                outputs,
            } => {
                write!(
                    f,
                    "conv2d {batch} x {height}x{width} x {inputs} -> {outputs}"
                )?;
                if resized != [height, width] {
                    write!(f, ", upsampled")?;
                }
                if stride > 1 {
                    write!(f, ", stride {stride}")?;
                }
                Ok(())
            }
            Self::Attention {
                batch,
                queries,
                keys,
                heads,
                width,
            } => write!(
                f,
                "attention {batch} x {heads} heads of {width}, {queries} x {keys}"
            ),
            Self::GroupNorm {
                batch,
                size: [height, width],
                channels,
                groups,
            } => write!(
                f,
                "group norm {batch} x {height}x{width} x {channels} in {groups}"
            ),
            Self::LayerNorm { rows, width } => write!(f, "layer norm {rows} x {width}"),
        }
    }
}

impl Work {
    /// Counts a layer.
    pub fn add(&mut self, layer: Layer) {
        *self.layers.entry(layer).or_default() += 1;
    }

    /// Counts a 1x1 or 3x3 convolution of pictures that keep their size.
    pub(super) fn add_conv(
        &mut self,
        batch: usize,
        size: [usize; 2],
        inputs: usize,
        outputs: usize,
        kernel: usize,
    ) {
        self.add(match kernel {
            1 => Layer::Linear {
                rows: batch * area(size),
                inputs,
                outputs,
            },
            _ => Layer::Conv2d {
                batch,
                input: size,
                resized: size,
                stride: 1,
                inputs,
                outputs,
            },
        });
    }

    /// Each shape, and how often it occurs.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = (Layer, usize)> + '_ {
        self.layers.iter().map(|(layer, count)| (*layer, *count))
    }

    /// Of all layers.
    pub fn flops(&self) -> u64 {
        Kind::ALL.iter().map(|&kind| self.flops_of(kind)).sum()
    }

    /// Of the layers of one kind.
    pub fn flops_of(&self, kind: Kind) -> u64 {
        let layers = self.layers().filter(|(layer, _)| layer.kind() == kind);
        layers
            .map(|(layer, count)| layer.flops() * count as u64)
            .sum()
    }
}

/// In 64 bits, which the numbers of SDXL need and wasm's `usize` has not.
fn product(factors: &[usize]) -> u64 {
    factors.iter().map(|&factor| factor as u64).product()
}

pub(super) fn area([height, width]: [usize; 2]) -> usize {
    height * width
}
