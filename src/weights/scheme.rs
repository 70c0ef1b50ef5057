//! Which tensor is stored in which encoding.

use super::inventory::{Role, Spec};
use super::manifest::Encoding;
use super::quantize::BLOCK;

/// Layers that stay f16 although they are matrices: the first and last of each network, where an error is seen at once,
/// and those that carry time and size into every layer. Together they are under 1 % of SDXL.
const KEPT: [&str; 6] = [
    "conv_in",
    "conv_out",
    "quant_conv",
    "post_quant_conv",
    "time_embedding",
    "add_embedding",
];

/// How a tensor is stored when the model is packed with `scheme`.
///
/// `f32` and `f16` store everything so. `q8` and `q4` store so the weights of linear layers and convolutions and the
/// token embeddings, in every component; in f16 what they leave: norms, biases, position embeddings, `conv_in`,
/// `conv_out`, `quant_conv`, `post_quant_conv`, `time_embedding`, `add_embedding`, and rows shorter than a block.
pub fn encoding_of(spec: &Spec, scheme: Encoding) -> Encoding {
    match scheme {
        Encoding::F32 | Encoding::F16 => scheme,
        Encoding::Q8 | Encoding::Q4 => {
            let wide = spec
                .shape
                .get(1..)
                .is_some_and(|rest| rest.iter().product::<usize>() >= BLOCK);
            let matrix = matches!(
                spec.role,
                Role::Linear | Role::Convolution | Role::TokenEmbedding
            );
            let kept = spec.name.split('.').any(|part| KEPT.contains(&part));
            if matrix && wide && !kept {
                scheme
            } else {
                Encoding::F16
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str, shape: &[usize], role: Role) -> Encoding {
        encoding_of(
            &Spec {
                name: name.into(),
                shape: shape.to_vec(),
                role,
            },
            Encoding::Q4,
        )
    }

    #[test]
    fn quantizes_wide_matrices_and_leaves_the_rest() {
        assert_eq!(
            stored(
                "down_blocks.0.resnets.0.conv1.weight",
                &[8, 8, 3, 3],
                Role::Convolution
            ),
            Encoding::Q4
        );
        assert_eq!(
            stored(
                "down_blocks.0.resnets.0.time_emb_proj.weight",
                &[8, 32],
                Role::Linear
            ),
            Encoding::Q4
        );
        assert_eq!(
            stored("a.token_embedding.weight", &[100, 64], Role::TokenEmbedding),
            Encoding::Q4
        );
        for kept in [
            "conv_in.weight",
            "encoder.conv_out.weight",
            "quant_conv.weight",
            "time_embedding.linear_1.weight",
        ] {
            assert_eq!(
                stored(kept, &[64, 64, 3, 3], Role::Convolution),
                Encoding::F16,
                "{kept}"
            );
        }
        assert_eq!(stored("a.weight", &[64, 16], Role::Linear), Encoding::F16);
        assert_eq!(
            stored(
                "a.position_embedding.weight",
                &[77, 64],
                Role::PositionEmbedding
            ),
            Encoding::F16
        );
        assert_eq!(stored("a.norm.weight", &[64], Role::Norm), Encoding::F16);
        assert_eq!(stored("a.bias", &[64], Role::Bias), Encoding::F16);
    }
}
