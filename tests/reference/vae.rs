use burn::tensor::Device;
use sdxl_web::vae::{Encoder, VaeConfig};
use sdxl_web::weights::{ComponentName, Resident};

use crate::compare::{PASS, channels_first, channels_last, compare};
use crate::fixture::Tensors;
use crate::models::{self, load};

const FIXTURE: &str = "vae";
/// Has noise in the latent.
const SAMPLED: &str = "vae";
/// Has none, and sides that are odd in latent pixels.
const ROUND_TRIP: &str = "round_trip";

#[test]
fn encoder_gives_the_latents_of_diffusers() {
    let (encoder, reference, device) = (load_encoder(), Tensors::open(FIXTURE), Device::flex());
    let given = |case: &str, tensor: &str| reference.get(case, tensor);

    let image = channels_last(given(SAMPLED, "image").tensor(&device));
    let distribution = encoder.forward(image);
    let moments = channels_first(distribution.moments.clone());
    compare(
        SAMPLED,
        "moments",
        moments,
        &given(SAMPLED, "moments"),
        PASS,
    );
    let noise = channels_last(given(SAMPLED, "noise").tensor(&device));
    let latent = channels_first(distribution.sample(noise));
    compare(SAMPLED, "latent", latent, &given(SAMPLED, "latent"), PASS);

    let image = channels_last(given(ROUND_TRIP, "image").tensor(&device));
    let expected = given(ROUND_TRIP, "latent");
    let no_noise = channels_last(expected.tensor(&device)).zeros_like();
    let latent = channels_first(encoder.forward(image).sample(no_noise));
    compare(ROUND_TRIP, "latent", latent, &expected, PASS);
}

#[test]
fn decoder_gives_the_picture_of_diffusers() {
    let (reference, device) = (Tensors::open(FIXTURE), Device::flex());
    let base = models::base();
    let config = base.vae.as_ref().unwrap();
    let wanted = VaeConfig::is_of_decoder;
    let decoder = load(&base, ComponentName::Vae, wanted, |weights| {
        config.init_decoder(weights)
    });
    let latent = channels_last(reference.get(ROUND_TRIP, "latent").tensor(&device));
    let picture = channels_first(decoder.forward(latent));
    let expected = reference.get(ROUND_TRIP, "decoded");
    compare(ROUND_TRIP, "decoded", picture, &expected, PASS);
}

fn load_encoder() -> Resident<Encoder> {
    let base = models::base();
    let config = base.vae.as_ref().unwrap();
    let wanted = VaeConfig::is_of_encoder;
    load(&base, ComponentName::Vae, wanted, |weights| {
        config.init_encoder(weights)
    })
}
