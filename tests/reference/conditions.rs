use sdxl_web::conditioning::SizeConditioning;
use sdxl_web::unet::{Sinusoids, UNetConfig};
use serde::Deserialize;

use super::check::{Check, PASS, Tolerance, max};
use super::dump::Dump;
use super::unets::load_unet;

const SINUSOIDS: &str = "timesteps.sinusoids_";

#[derive(Deserialize)]
struct Case {
    name: String,
    original_size: [u32; 2],
    crops_coords_top_left: [u32; 2],
    target_size: [u32; 2],
    /// The refiner's cases have one.
    aesthetic_score: Option<f32>,
}

/// Timesteps, sizes and scores are embedded as in diffusers.
pub async fn run(check: &mut Check<'_>) {
    let (dump, device) = (check.dump("added_conditions"), check.device());
    let (base, refiner) = (check.base().await, check.refiner().await);
    let models = [
        ("base", &base.unet, load_unet(&base, &device).await),
        ("refiner", &refiner.unet, load_unet(&refiner, &device).await),
    ];
    for case in dump.cases::<Case>() {
        let sizes = SizeConditioning {
            original_size: case.original_size,
            crop_top_left: case.crops_coords_top_left,
            target_size: case.target_size,
        };
        let name = &case.name;
        let given = |tensor: &str| dump.get(&format!("{name}.{tensor}"));
        let ((_, config, unet), ids) = match case.aesthetic_score {
            Some(score) => {
                // The dump names only the positive score.
                let negative = given("time_ids_negative").values;
                let ids = sizes.refiner_ids(negative[negative.len() - 1]);
                check.equal(name, "time_ids_negative", &ids, &negative);
                (&models[1], sizes.refiner_ids(score))
            }
            None => (&models[0], sizes.base_ids()),
        };
        check.equal(name, "time_ids", &ids, &given("time_ids").values);

        let sinusoids = config.add_time_proj().of(&ids);
        let expected = given("time_proj").values;
        check.values(name, "time_proj", &sinusoids, &expected, angles(&ids));
        let joined = [given("pooled").values, sinusoids].concat();
        let expected = given("add_in").values;
        check.values(name, "add_in", &joined, &expected, angles(&ids));
        let added = unet.embed_added(given("pooled").tensor(&device), &[ids], &device);
        let expected = given("add_embedding");
        check
            .tensor(name, "add_embedding", added, &expected, PASS)
            .await;
    }

    let name = "timesteps";
    let timesteps = dump.get("timesteps.t").values;
    for (kind, config, unet) in &models {
        let given = |tensor: &str| dump.get(&format!("{name}.{kind}.{tensor}"));
        let sinusoids = config.time_proj().of(&timesteps);
        let expected = given("t_proj").values;
        let limit = angles(&timesteps);
        check.values(
            name,
            &format!("{kind}.t_proj"),
            &sinusoids,
            &expected,
            limit,
        );
        let embedded = unet.embed_time(&timesteps, &device);
        let expected = given("t_embedding");
        let tensor = format!("{kind}.t_embedding");
        check.tensor(name, &tensor, embedded, &expected, PASS).await;
    }
    compare_wide_sinusoids(check, &dump, &base.unet, &timesteps);
}

/// Sinusoids of some numbers. Frequencies are exponentials in f32, some of which torch rounds the other way; the angle of a
/// large number is then off by its last place.
pub fn angles(numbers: &[f32]) -> Tolerance {
    let largest = numbers.iter().copied().fold(0.0, f32::max);
    max(f64::from(largest * f32::EPSILON).max(PASS.f32.max))
}

/// Sinusoids of widths that the tiny models do not have. `sinusoids_WIDTH` are those of the timesteps,
/// `sinusoids_WIDTH_of_A_B` those of A and B.
fn compare_wide_sinusoids(
    check: &mut Check<'_>,
    dump: &Dump,
    config: &UNetConfig,
    timesteps: &[f32],
) {
    for name in dump.names() {
        let Some(settings) = name.strip_prefix(SINUSOIDS) else {
            continue;
        };
        let (width, numbers) = match settings.split_once("_of_") {
            Some((width, numbers)) => {
                let numbers = numbers.split('_').map(|number| number.parse().unwrap());
                (width, numbers.collect())
            }
            None => (settings, timesteps.to_vec()),
        };
        let sinusoids = Sinusoids {
            width: width.parse().unwrap(),
            ..config.time_proj()
        };
        let (actual, expected) = (sinusoids.of(&numbers), dump.get(&name).values);
        check.values("timesteps", &name, &actual, &expected, angles(&numbers));
    }
}
