use burn::tensor::Device;
use sdxl_web::conditioning::SizeConditioning;
use serde::Deserialize;

use crate::compare::{PASS, compare};
use crate::fixture::{Tensors, cases};
use crate::models;
use crate::unets::load_unet;

const FIXTURE: &str = "added_conditions";

#[derive(Deserialize)]
struct Case {
    name: String,
    original_size: [u32; 2],
    crops_coords_top_left: [u32; 2],
    target_size: [u32; 2],
    /// The refiner's cases have one.
    aesthetic_score: Option<f32>,
}

#[test]
fn sizes_and_scores_are_embedded_as_in_diffusers() {
    let (reference, device) = (Tensors::open(FIXTURE), Device::flex());
    let (base, refiner) = (load_unet(&models::base()), load_unet(&models::refiner()));
    for case in cases::<Case>(FIXTURE) {
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
        assert_eq!(
            ids,
            reference.get(name, "time_ids").values,
            "{name}, time_ids"
        );
        let pooled = reference.get(name, "pooled").tensor(&device);
        let added = unet.embed_added(pooled, &[ids], &device);
        let expected = reference.get(name, "add_embedding");
        compare(name, "add_embedding", added, &expected, PASS);
    }
}
