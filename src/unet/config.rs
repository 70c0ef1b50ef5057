//! `config.json` of a `UNet2DConditionModel`, as far as SDXL uses it, and the plan of blocks it describes.

use serde::Deserialize;

use super::embedding::Sinusoids;

/// The fields that decide the structure.
#[derive(Debug, Clone, Deserialize)]
pub struct UNetConfig {
    /// Side of the native latent.
    pub sample_size: usize,
    /// Latent channels in.
    pub in_channels: usize,
    /// Latent channels out.
    pub out_channels: usize,
    /// Width of each level.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of a level on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// Kind of each level on the way down.
    pub down_block_types: Vec<String>,
    /// Kind of each level on the way up.
    pub up_block_types: Vec<String>,
    /// "UNetMidBlock2DCrossAttn" for SDXL, which it also is where it is not said.
    #[serde(default)]
    pub mid_block_type: Option<String>,
    /// Depth of the transformers of each level.
    pub transformer_layers_per_block: PerLevel,
    /// **Number of heads** of each level; a name diffusers keeps for compatibility [`UNet2DConditionModel.__init__`].
    pub attention_head_dim: PerLevel,
    /// Width of the text context.
    pub cross_attention_dim: usize,
    /// Width of the sinusoids of one size id.
    pub addition_time_embed_dim: usize,
    /// Width of pooled text and size ids together.
    pub projection_class_embeddings_input_dim: usize,
    /// Groups of every GroupNorm.
    pub norm_num_groups: usize,
    /// Epsilon of the GroupNorms outside transformers.
    pub norm_eps: f64,
    /// Cosines before sines.
    pub flip_sin_to_cos: bool,
    /// Shift of the sinusoids' frequencies.
    pub freq_shift: f64,
    /// Linear rather than convolutional projections around the transformers.
    pub use_linear_projection: bool,
    /// "text_time" for SDXL.
    pub addition_embed_type: Option<String>,
    /// "silu" for SDXL.
    pub act_fn: String,
}

/// A number for all levels, or one for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum PerLevel {
    /// The same everywhere.
    Same(usize),
    /// Level by level, on the way down.
    Each(Vec<usize>),
}

/// One level of the UNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Width.
    pub channels: usize,
    /// Transformer layers and heads behind each residual block, if there are any.
    pub attention: Option<Attention>,
}

/// Shape of the transformers of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Depth.
    pub layers: usize,
    /// Number of heads.
    pub heads: usize,
}

/// Name of the field at fault, and what is wrong with it.
pub type Fault = (&'static str, String);

impl UNetConfig {
    /// Width of the timestep's embedding.
    pub fn time_width(&self) -> usize {
        self.block_out_channels[0] * 4
    }

    /// Sinusoids of a timestep.
    pub fn time_proj(&self) -> Sinusoids {
        self.sinusoids(self.block_out_channels[0])
    }

    /// Sinusoids of a size id.
    pub fn add_time_proj(&self) -> Sinusoids {
        self.sinusoids(self.addition_time_embed_dim)
    }

    fn sinusoids(&self, width: usize) -> Sinusoids {
        Sinusoids {
            width,
            flip_sin_to_cos: self.flip_sin_to_cos,
            freq_shift: self.freq_shift,
        }
    }

    /// The levels on the way down.
    pub fn down_levels(&self) -> Result<Vec<Level>, Fault> {
        self.check()?;
        let kinds = self.down_block_types.iter().map(String::as_str);
        let levels = kinds.enumerate().map(|(i, kind)| {
            let attention = match kind {
                "DownBlock2D" => None,
                "CrossAttnDownBlock2D" => Some(self.attention(i)?),
                other => {
                    return Err((
                        "down_block_types",
                        format!("`{other}` is not a block of SDXL"),
                    ));
                }
            };
            Ok(Level {
                channels: self.block_out_channels[i],
                attention,
            })
        });
        levels.collect()
    }

    /// The levels on the way up, the narrowest picture first.
    pub fn up_levels(&self) -> Result<Vec<Level>, Fault> {
        self.check()?;
        let count = self.block_out_channels.len();
        let kinds = self.up_block_types.iter().map(String::as_str);
        let levels = kinds.enumerate().map(|(i, kind)| {
            let level = count - 1 - i;
            let attention = match kind {
                "UpBlock2D" => None,
                "CrossAttnUpBlock2D" => Some(self.attention(level)?),
                other => {
                    return Err((
                        "up_block_types",
                        format!("`{other}` is not a block of SDXL"),
                    ));
                }
            };
            Ok(Level {
                channels: self.block_out_channels[level],
                attention,
            })
        });
        levels.collect()
    }

    /// The middle block. It has attention even where the last level has none: the refiner's.
    pub fn mid_level(&self) -> Result<Level, Fault> {
        self.check()?;
        let last = self.block_out_channels.len() - 1;
        Ok(Level {
            channels: self.block_out_channels[last],
            attention: Some(self.attention(last)?),
        })
    }

    fn attention(&self, level: usize) -> Result<Attention, Fault> {
        let attention = Attention {
            layers: self
                .transformer_layers_per_block
                .at(level, "transformer_layers_per_block")?,
            heads: self.attention_head_dim.at(level, "attention_head_dim")?,
        };
        let channels = self.block_out_channels[level];
        if attention.heads == 0 || !channels.is_multiple_of(attention.heads) {
            return Err((
                "attention_head_dim",
                format!(
                    "{} heads do not divide {channels} channels",
                    attention.heads
                ),
            ));
        }
        Ok(attention)
    }

    fn check(&self) -> Result<(), Fault> {
        let levels = self.block_out_channels.len();
        if levels == 0
            || self.down_block_types.len() != levels
            || self.up_block_types.len() != levels
        {
            return Err((
                "block_out_channels",
                "must name as many levels as the block types".into(),
            ));
        }
        if self.layers_per_block == 0 {
            return Err(("layers_per_block", "must be at least 1".into()));
        }
        let groups = self.norm_num_groups;
        if groups == 0
            || self
                .block_out_channels
                .iter()
                .any(|c| !c.is_multiple_of(groups))
        {
            return Err((
                "norm_num_groups",
                format!(
                    "{groups} groups do not divide {:?}",
                    self.block_out_channels
                ),
            ));
        }
        if self.addition_time_embed_dim % 2 == 1 || self.block_out_channels[0] % 2 == 1 {
            let problem = "and block_out_channels[0] must be even: half of them are cosines";
            return Err(("addition_time_embed_dim", problem.into()));
        }
        if !self.use_linear_projection {
            return Err(("use_linear_projection", "must be true, as in SDXL".into()));
        }
        if self.addition_embed_type.as_deref() != Some("text_time") {
            return Err((
                "addition_embed_type",
                "must be \"text_time\", as in SDXL".into(),
            ));
        }
        let mid = self.mid_block_type.as_deref();
        if mid.is_some_and(|kind| kind != "UNetMidBlock2DCrossAttn") {
            return Err((
                "mid_block_type",
                "must be \"UNetMidBlock2DCrossAttn\", as in SDXL".into(),
            ));
        }
        if self.act_fn != "silu" {
            return Err(("act_fn", "must be \"silu\", as in SDXL".into()));
        }
        Ok(())
    }
}

impl PerLevel {
    fn at(&self, level: usize, field: &'static str) -> Result<usize, Fault> {
        match self {
            Self::Same(n) => Ok(*n),
            Self::Each(list) => list
                .get(level)
                .copied()
                .ok_or_else(|| (field, format!("has no entry for level {level}"))),
        }
    }
}
