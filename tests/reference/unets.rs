use burn::tensor::Device;
use sdxl_web::pipeline::Model;
use sdxl_web::unet::UNet;
use sdxl_web::weights::{ComponentName, Resident};
use serde::Deserialize;

use crate::compare::{PASS, channels_first, channels_last, compare};
use crate::fixture::{Tensors, cases};
use crate::models::{self, Shards, load};

#[derive(Deserialize)]
struct Case {
    name: String,
    timestep: f32,
}

#[test]
fn base_unet_predicts_the_noise_of_diffusers() {
    compare_unet(&models::base(), "unet_base");
}

#[test]
fn refiner_unet_predicts_the_noise_of_diffusers() {
    compare_unet(&models::refiner(), "unet_refiner");
}

pub fn load_unet(model: &Model<Shards>) -> Resident<UNet> {
    load(
        model,
        ComponentName::Unet,
        |_| true,
        |weights| model.unet.init(weights),
    )
}

fn compare_unet(model: &Model<Shards>, fixture: &str) {
    let (unet, reference, device) = (load_unet(model), Tensors::open(fixture), Device::flex());
    for Case { name, timestep } in cases(fixture) {
        let given = |tensor: &str| reference.get(&name, tensor);
        let pooled = given("pooled").tensor(&device);
        let added = unet.embed_added(pooled, &given("time_ids").rows(), &device);
        let x = channels_last(given("sample").tensor(&device));
        let context = given("text").tensor(&device);
        let noise = channels_first(unet.forward(x, timestep, &context, &added));
        let case = format!("{fixture} {name}");
        compare(&case, "out", noise, &given("out"), PASS);
    }
}
