//! The tensors of the text encoders.

use super::{Inventory, Role};
use crate::text_encoder::TextEncoderConfig;

pub(super) fn text_encoder(list: &mut Inventory, config: &TextEncoderConfig, projected: bool) {
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let embeddings = "text_model.embeddings";
    list.add(
        format!("{embeddings}.token_embedding.weight"),
        &[config.vocab_size, width],
        Role::TokenEmbedding,
    );
    let positions = &[config.max_position_embeddings, width];
    list.add(
        format!("{embeddings}.position_embedding.weight"),
        positions,
        Role::PositionEmbedding,
    );
    for i in 0..config.num_hidden_layers {
        let at = format!("text_model.encoder.layers.{i}");
        list.norm(&format!("{at}.layer_norm1"), width);
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            list.linear(&format!("{at}.self_attn.{part}"), width, width);
        }
        list.norm(&format!("{at}.layer_norm2"), width);
        list.linear(&format!("{at}.mlp.fc1"), inner, width);
        list.linear(&format!("{at}.mlp.fc2"), width, inner);
    }
    list.norm("text_model.final_layer_norm", width);
    if projected {
        list.add(
            "text_projection.weight".into(),
            &[config.projection_dim, width],
            Role::Linear,
        );
    }
}
