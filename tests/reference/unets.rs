use burn::tensor::Device;
use sdxl_web::pipeline::Model;
use sdxl_web::unet::UNet;
use sdxl_web::weights::{ComponentName, Resident};
use serde::Deserialize;

use super::check::{Check, PASS, channels_first, channels_last};
use super::set::{Shards, load};

#[derive(Deserialize)]
struct Case {
    name: String,
    timestep: f32,
}

/// The UNet predicts the noise of diffusers.
pub async fn run(check: &mut Check<'_>, fixture: &str) {
    let model = match fixture {
        "unet_base" => check.base().await,
        _ => check.refiner().await,
    };
    let (dump, device) = (check.dump(fixture), check.device());
    let unet = load_unet(&model, &device).await;
    for Case { name, timestep } in dump.cases() {
        let given = |tensor: &str| dump.get(&format!("{name}.{tensor}"));
        let pooled = given("pooled").tensor(&device);
        let added = unet.embed_added(pooled, &given("time_ids").rows(), &device);
        let x = channels_last(given("sample").tensor(&device));
        let context = given("text").tensor(&device);
        let noise = channels_first(unet.forward(x, timestep, &context, &added));
        check.tensor(&name, "out", noise, &given("out"), PASS).await;
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
