use std::slice;

use burn::tensor::Tensor;

use super::{EPS, Observe, VaeConfig};
use crate::Result;
use crate::kernels::{attention, breathe};
use crate::nn::{GroupNorm, GroupNormConfig, Linear, LinearConfig, Resnet, ResnetConfig};
use crate::weights::Scope;

/// The narrowest part of encoder and decoder: one attention head over all channels, between two residual blocks.
#[derive(Debug)]
pub(super) struct MidBlock {
    first: Resnet,
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    last: Resnet,
}

impl MidBlock {
    pub fn init(config: &VaeConfig, channels: usize, weights: &Scope) -> Result<Self> {
        let groups = config.norm_num_groups;
        let resnet = ResnetConfig {
            inputs: channels,
            outputs: channels,
            time: None,
            groups,
            eps: EPS,
        };
        let attn = weights.at("attentions.0");
        let square = |name| LinearConfig::new(channels, channels).init(&attn.at(name));
        Ok(Self {
            first: resnet.init(&weights.at("resnets.0"))?,
            group_norm: GroupNormConfig {
                groups,
                channels,
                eps: EPS,
            }
            .init(&attn.at("group_norm"))?,
            to_q: square("to_q")?,
            to_k: square("to_k")?,
            to_v: square("to_v")?,
            to_out: square("to_out.0")?,
            last: resnet.init(&weights.at("resnets.1"))?,
        })
    }

    /// # Shapes
    /// - x, output: `[batch, height, width, channels]`
    ///
    /// `at` is the module that the block belongs to.
    pub async fn forward(
        &self,
        x: Tensor<4>,
        at: &str,
        observe: &mut Observe<'_>,
    ) -> Result<Tensor<4>> {
        let x = self.first.forward(x, None);
        breathe(&x).await?;
        let [batch, height, width, channels] = x.dims();
        let flat = [batch, height * width, channels];
        let h = self.group_norm.forward(x.clone()).reshape(flat);
        let (q, k, v) = (
            self.to_q.forward(h.clone()),
            self.to_k.forward(h.clone()),
            self.to_v.forward(h),
        );
        let h = attention(q, k, v, 1, false);
        let x = self.to_out.forward_add(h, x.reshape(flat));
        let x = x.reshape([batch, height, width, channels]);
        breathe(&x).await?;
        observe(
            format_args!("{at}.mid_block.attentions.0"),
            slice::from_ref(&x),
        );
        let x = self.last.forward(x, None);
        observe(format_args!("{at}.mid_block"), slice::from_ref(&x));
        Ok(x)
    }
}
