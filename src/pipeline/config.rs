//! Reads a component's config for drawing, before any weight is loaded: every number is bounded, and what would have to be
//! computed otherwise than here is refused rather than drawn wrongly.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sampling::SchedulerConfig;
use crate::text_encoder::TextEncoderConfig;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;
use crate::weights::{Component, ComponentName, inventory};
use crate::{Error, Result};

pub(super) fn unet(component: &Component) -> Result<UNetConfig> {
    let name = ComponentName::Unet;
    let only = [
        ("center_input_sample", json!(false)),
        ("class_embed_type", Value::Null),
        ("conv_in_kernel", json!(3)),
        ("conv_out_kernel", json!(3)),
        ("downsample_padding", json!(1)),
        ("encoder_hid_dim_type", Value::Null),
        ("mid_block_scale_factor", json!(1)),
        ("num_attention_heads", Value::Null),
        ("only_cross_attention", json!(false)),
        ("resnet_out_scale_factor", json!(1)),
        ("resnet_skip_time_act", json!(false)),
        ("resnet_time_scale_shift", json!("default")),
        ("time_cond_proj_dim", Value::Null),
        ("time_embedding_act_fn", Value::Null),
        ("time_embedding_type", json!("positional")),
        ("timestep_post_act", Value::Null),
    ];
    let config: UNetConfig = read(name, component, &only)?;
    let refuse = |(field, problem): (&str, String)| bad(name, field, problem);
    config.down_levels().map_err(refuse)?;
    config.mid_level().map_err(refuse)?;
    config.up_levels().map_err(refuse)?;
    Ok(config)
}

pub(super) fn vae(component: &Component) -> Result<VaeConfig> {
    let name = ComponentName::Vae;
    let only = [
        ("in_channels", json!(3)),
        ("latents_mean", Value::Null),
        ("latents_std", Value::Null),
        ("mid_block_add_attention", json!(true)),
        ("out_channels", json!(3)),
        ("shift_factor", Value::Null),
        ("use_post_quant_conv", json!(true)),
        ("use_quant_conv", json!(true)),
    ];
    let config: VaeConfig = read(name, component, &only)?;
    match config.fault() {
        Some((field, problem)) => Err(bad(name, field, problem)),
        None => Ok(config),
    }
}

pub(super) fn scheduler(component: &Component) -> Result<SchedulerConfig> {
    let name = ComponentName::Scheduler;
    let only = [
        ("clip_sample", json!(false)),
        ("final_sigmas_type", json!("zero")),
        ("interpolation_type", json!("linear")),
        ("rescale_betas_zero_snr", json!(false)),
        ("thresholding", json!(false)),
        ("timestep_scaling", json!(10)),
        ("timestep_type", json!("discrete")),
        ("trained_betas", Value::Null),
        ("use_beta_sigmas", json!(false)),
        ("use_exponential_sigmas", json!(false)),
        ("use_karras_sigmas", json!(false)),
    ];
    let config: SchedulerConfig = read(name, component, &only)?;
    if config.num_train_timesteps < 2 {
        return Err(bad(name, "num_train_timesteps", "must be at least 2"));
    }
    Ok(config)
}

pub(super) fn text_encoder(
    name: ComponentName,
    component: &Component,
) -> Result<TextEncoderConfig> {
    let config: TextEncoderConfig = read(name, component, &[])?;
    let (width, heads) = (config.hidden_size, config.num_attention_heads);
    if heads == 0 || !width.is_multiple_of(heads) {
        let problem = format!("{heads} heads do not divide a width of {width}");
        return Err(bad(name, "num_attention_heads", problem));
    }
    if config.num_hidden_layers == 0 {
        return Err(bad(name, "num_hidden_layers", "must be at least 1"));
    }
    if config.max_position_embeddings < 3 {
        let problem = "must leave room between the start and the end of a prompt";
        return Err(bad(name, "max_position_embeddings", problem));
    }
    Ok(config)
}

/// `only`: fields that change what is computed, and the one value that is computed here. A field that is absent or null has
/// its default, which for each of these is that value.
fn read<C: DeserializeOwned>(
    name: ComponentName,
    component: &Component,
    only: &[(&str, Value)],
) -> Result<C> {
    let same = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    };
    for (field, value) in only {
        let asked = component.config.get(field).unwrap_or(&Value::Null);
        if !asked.is_null() && !same(asked, value) {
            return Err(bad(
                name,
                field,
                format!("is {asked}; only {value} is supported"),
            ));
        }
    }
    inventory::read(name, &component.config)
}

fn bad(name: ComponentName, field: &str, problem: impl Into<String>) -> Error {
    Error::BadConfig {
        component: name.to_string(),
        field: field.into(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(changes: &[(&str, Value)]) -> Component {
        let json = include_str!("../../www/models/sdxl/base/scheduler/scheduler_config.json");
        let mut config: Value = serde_json::from_str(json).unwrap();
        for (field, value) in changes {
            config[field] = value.clone();
        }
        Component {
            config,
            tensors: vec![],
            files: vec![],
            shards: vec![],
        }
    }

    fn refused(changes: &[(&str, Value)]) -> String {
        match scheduler(&component(changes)) {
            Err(Error::BadConfig { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_computed_otherwise_is_refused_by_field() {
        assert!(scheduler(&component(&[])).is_ok());
        assert!(scheduler(&component(&[("trained_betas", Value::Null)])).is_ok());
        assert_eq!(
            refused(&[("use_karras_sigmas", json!(true))]),
            "use_karras_sigmas"
        );
        assert_eq!(
            refused(&[("num_train_timesteps", json!(1))]),
            "num_train_timesteps"
        );
        assert_eq!(
            refused(&[("num_train_timesteps", json!(1u64 << 60))]),
            "num_train_timesteps"
        );
        assert_eq!(
            refused(&[("beta_schedule", json!("cosine"))]),
            "config.json"
        );
    }
}
