use std::collections::BTreeMap;
use std::fmt::Arguments;

use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor};
use sdxl_web::pipeline::Model;
use sdxl_web::unet::{UNet, UNetConfig};
use sdxl_web::weights::{ComponentName, Resident};
use serde::Deserialize;

use super::check::{Check, PART, PASS, channels_first, channels_last};
use super::conditions::angles;
use super::set::{Shards, load};

#[derive(Deserialize)]
struct Case {
    name: String,
    timestep: f32,
}

/// The UNet predicts the noise of diffusers, and each part of it gives what diffusers' does.
pub async fn run(check: &mut Check<'_>, fixture: &str) {
    let model = match fixture {
        "unet_base" => check.base().await,
        _ => check.refiner().await,
    };
    let (dump, device) = (check.dump(fixture), check.device());
    let unet = load_unet(&model, &device).await;
    for Case { name, timestep } in dump.cases() {
        let given = |tensor: &str| dump.get(&format!("{name}.{tensor}"));
        check.equal(&name, "t", &vec![timestep], &given("t").values);
        let ids = given("time_ids").rows();
        let added = unet.embed_added(given("pooled").tensor(&device), &ids, &device);
        let x = channels_last(check.given(&given("sample")));
        let context: Tensor<3> = given("text").tensor(&device);
        let context = unet.context(&context.cast(x.dtype()));
        let mut parts = BTreeMap::new();
        let mut observe = |part: Arguments, x: &Tensor<4>| {
            parts.insert(part.to_string(), channels_first(x.clone()));
        };
        let noise = unet
            .forward_observed(x, timestep, &context, &added, &mut observe)
            .await
            .unwrap();
        check
            .tensor(&name, "out", channels_first(noise), &given("out"), PASS)
            .await;

        let dumped = dump.names().into_iter();
        let dumped = dumped.filter_map(|tensor| Some(tensor.strip_prefix(&name)?[1..].to_owned()));
        for tensor in dumped.collect::<Vec<_>>() {
            match tensor.as_str() {
                "time_proj" => {
                    let actual = model.unet.time_proj().of(&[timestep]);
                    let expected = given(&tensor).values;
                    check.values(&name, &tensor, &actual, &expected, angles(&[timestep]));
                }
                "add_time_proj" => {
                    let ids = ids.concat();
                    let actual = model.unet.add_time_proj().of(&ids);
                    let expected = given(&tensor).values;
                    check.values(&name, &tensor, &actual, &expected, angles(&ids));
                }
                "time_embedding" => {
                    let actual = unet.embed_time(&[timestep], &device);
                    check
                        .tensor(&name, &tensor, actual, &given(&tensor), PASS)
                        .await;
                }
                "add_embedding" => {
                    let actual = added.clone();
                    check
                        .tensor(&name, &tensor, actual, &given(&tensor), PASS)
                        .await;
                }
                "conv_norm_out" => {
                    // The engine computes it together with the SiLU behind it.
                    let mut expected = given(&tensor);
                    let activated = silu(expected.tensor::<4>(&device));
                    let data = activated.into_data_async().await.unwrap();
                    expected.values = data.try_into_vec().unwrap();
                    let actual = parts["conv_act"].clone();
                    check.tensor(&name, &tensor, actual, &expected, PART).await;
                }
                part => {
                    if let Some(actual) = parts.get(&module(part, &model.unet)) {
                        let (actual, expected) = (actual.clone(), given(part));
                        check.tensor(&name, part, actual, &expected, PART).await;
                    }
                }
            }
        }
    }
}

/// The module whose output was dumped under a name.
fn module(dumped: &str, config: &UNetConfig) -> String {
    match dumped.split_once('_') {
        Some(("down", block)) => format!("down_blocks.{block}"),
        Some(("up", block)) => format!("up_blocks.{block}"),
        Some(("first", part)) => {
            let attends = |kind: &String| kind.starts_with("CrossAttn");
            let block = config.down_block_types.iter().position(attends).unwrap();
            match part {
                "attn_block.resnet_0" => format!("down_blocks.{block}.resnets.0"),
                _ => format!("down_blocks.{block}.attentions.0"),
            }
        }
        _ if dumped == "mid" => "mid_block".into(),
        _ => dumped.into(),
    }
}

pub async fn load_unet(model: &Model<Shards>, device: &Device) -> Resident<UNet> {
    load(
        model,
        ComponentName::Unet,
        device,
        |_| true,
        |weights| model.unet.init(weights),
    )
    .await
}
