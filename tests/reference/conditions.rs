use sdxl_web::conditioning::SizeConditioning;
use serde::Deserialize;

use super::check::{Check, PASS};
use super::unets::load_unet;

#[derive(Deserialize)]
struct Case {
    name: String,
    original_size: [u32; 2],
    crops_coords_top_left: [u32; 2],
    target_size: [u32; 2],
    /// The refiner's cases have one.
    aesthetic_score: Option<f32>,
}

/// Sizes and scores are embedded as in diffusers.
pub async fn run(check: &mut Check<'_>) {
    let (dump, device) = (check.dump("added_conditions"), check.device());
    let (base, refiner) = (check.base().await, check.refiner().await);
    let (base, refiner) = (
        load_unet(&base, &device).await,
        load_unet(&refiner, &device).await,
    );
    for case in dump.cases::<Case>() {
        let sizes = SizeConditioning {
            original_size: case.original_size,
            crop_top_left: case.crops_coords_top_left,
            target_size: case.target_size,
        };
        let (unet, ids) = match case.aesthetic_score {
            Some(score) => (&refiner, sizes.refiner_ids(score)),
            None => (&base, sizes.base_ids()),
        };
        let name = &case.name;
        let given = |tensor: &str| dump.get(&format!("{name}.{tensor}"));
        check.equal(name, "time_ids", &ids, &given("time_ids").values);
        let added = unet.embed_added(given("pooled").tensor(&device), &[ids], &device);
        check
            .tensor(name, "add_embedding", added, &given("add_embedding"), PASS)
            .await;
    }
}
