use burn::tensor::Device;
use sdxl_web::pipeline::Model;
use sdxl_web::vae::{Encoder, VaeConfig};
use sdxl_web::weights::{ComponentName, Resident};

use super::check::{Check, PASS, channels_first, channels_last};
use super::set::{Shards, load};

/// Has noise in the latent.
const SAMPLED: &str = "vae";
/// Has none, and sides that are odd in latent pixels.
const ROUND_TRIP: &str = "round_trip";

/// The encoder gives the latents of diffusers, the decoder its pictures.
pub async fn run(check: &mut Check<'_>) {
    let (base, dump, device) = (check.base().await, check.dump("vae"), check.device());
    let given = |case: &str, tensor: &str| dump.get(&format!("{case}.{tensor}"));
    let encoder = load_encoder(&base, &device).await;

    let distribution = encoder.forward(channels_last(given(SAMPLED, "image").tensor(&device)));
    let moments = channels_first(distribution.moments.clone());
    check
        .tensor(
            SAMPLED,
            "moments",
            moments,
            &given(SAMPLED, "moments"),
            PASS,
        )
        .await;
    let noise = channels_last(given(SAMPLED, "noise").tensor(&device));
    let latent = channels_first(distribution.sample(noise));
    check
        .tensor(SAMPLED, "latent", latent, &given(SAMPLED, "latent"), PASS)
        .await;

    let image = channels_last(given(ROUND_TRIP, "image").tensor(&device));
    let expected = given(ROUND_TRIP, "latent");
    let no_noise = channels_last(expected.tensor(&device)).zeros_like();
    let latent = channels_first(encoder.forward(image).sample(no_noise));
    check
        .tensor(ROUND_TRIP, "latent", latent, &expected, PASS)
        .await;

    let config = base.vae.as_ref().unwrap();
    let wanted = VaeConfig::is_of_decoder;
    let decoder = load(&base, ComponentName::Vae, &device, wanted, |weights| {
        config.init_decoder(weights)
    })
    .await;
    let latent = channels_last(expected.tensor(&device));
    let picture = channels_first(decoder.forward(latent));
    check
        .tensor(
            ROUND_TRIP,
            "decoded",
            picture,
            &given(ROUND_TRIP, "decoded"),
            PASS,
        )
        .await;
}

async fn load_encoder(base: &Model<Shards>, device: &Device) -> Resident<Encoder> {
    let config = base.vae.as_ref().unwrap();
    let wanted = VaeConfig::is_of_encoder;
    load(base, ComponentName::Vae, device, wanted, |weights| {
        config.init_encoder(weights)
    })
    .await
}
