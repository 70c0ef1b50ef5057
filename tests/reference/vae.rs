use std::collections::BTreeMap;
use std::fmt::Arguments;

use burn::tensor::{Device, Tensor};
use sdxl_web::pipeline::Model;
use sdxl_web::vae::{Decoder, Encoder, VaeConfig};
use sdxl_web::weights::{ComponentName, Resident};

use super::check::{Check, PASS, channels_first, channels_last};
use super::dump::Reference;
use super::set::{Shards, load};

/// Has noise in the latent, and outputs of parts.
const SAMPLED: &str = "vae";
/// Has no noise, and sides that are odd in latent pixels.
const ROUND_TRIP: &str = "round_trip";

/// The encoder gives the latents of diffusers, the decoder its pictures, and each part what diffusers' does.
pub async fn run(check: &mut Check<'_>) {
    let (base, dump, device) = (check.base().await, check.dump("vae"), check.device());
    let given = |case: &str, tensor: &str| dump.get(&format!("{case}.{tensor}"));
    let encoder = load_encoder(&base, &device).await;
    let decoder = load_decoder(&base, &device).await;
    let scale = base.vae.as_ref().unwrap().scaling_factor;
    let factor = dump.case(SAMPLED)["scaling_factor"].as_f64();
    check.equal(SAMPLED, "scaling_factor", &Some(scale), &factor);

    let image = channels_last(given(SAMPLED, "image").tensor(&device));
    let noise = channels_last(given(SAMPLED, "noise").tensor(&device));
    let mut parts = Parts::default();
    let [_, rows, _, _] = image.dims();
    let distribution = encoder.forward_observed(image, rows, &mut |part, x: &[Tensor<4>]| {
        parts.keep(part, x);
    });
    for (tensor, actual) in [
        ("moments", distribution.moments.clone()),
        ("mean", distribution.mean()),
        ("logvar", distribution.log_variance()),
        ("latent", distribution.sample(noise)),
    ] {
        let (actual, expected) = (channels_first(actual), given(SAMPLED, tensor));
        check.tensor(SAMPLED, tensor, actual, &expected, PASS).await;
    }
    let latent = channels_last(given(SAMPLED, "decode_latent").tensor(&device));
    let [_, rows, _, _] = latent.dims();
    let picture = decoder.forward_observed(latent, rows, &mut |part, x: &[Tensor<4>]| {
        parts.keep(part, x);
    });
    let (picture, expected) = (channels_first(picture), given(SAMPLED, "decoded"));
    check
        .tensor(SAMPLED, "decoded", picture, &expected, PASS)
        .await;
    for (dumped, actual) in parts.0 {
        if dump.has(&format!("{SAMPLED}.{dumped}")) {
            let expected = given(SAMPLED, &dumped);
            check
                .tensor(SAMPLED, &dumped, actual, &expected, PASS)
                .await;
        }
    }

    let image = channels_last(given(ROUND_TRIP, "image").tensor(&device));
    let expected = given(ROUND_TRIP, "latent");
    let latent = channels_first(encoder.forward(image).mode());
    check
        .tensor(ROUND_TRIP, "latent", latent, &expected, PASS)
        .await;
    let latent = channels_last(expected.tensor(&device));
    let (picture, expected) = (
        channels_first(decoder.forward(latent)),
        given(ROUND_TRIP, "decoded"),
    );
    check
        .tensor(ROUND_TRIP, "decoded", picture, &expected, PASS)
        .await;
    for case in [SAMPLED, ROUND_TRIP] {
        let picture = channels_last(given(case, "image").tensor(&device));
        compare_strips(check, case, &encoder, &decoder, picture).await;
    }
}

/// A picture in strips is the one without: strips of one row of the latent, and of a number that leaves a smaller last one.
async fn compare_strips(
    check: &mut Check<'_>,
    case: &str,
    encoder: &Encoder,
    decoder: &Decoder,
    picture: Tensor<4>,
) {
    let latent = encoder.forward(picture.clone()).mode();
    let whole = reference(latent.clone()).await;
    let decoded = reference(decoder.forward(latent.clone())).await;
    for rows in [1, 3] {
        let encoded = encoder.forward_strips(picture.clone(), rows).mode();
        let name = format!("encoded in strips of {rows}");
        check.tensor(case, &name, encoded, &whole, PASS).await;
        let picture = decoder.forward_strips(latent.clone(), rows);
        let name = format!("decoded in strips of {rows}");
        check.tensor(case, &name, picture, &decoded, PASS).await;
    }
}

async fn reference(x: Tensor<4>) -> Reference {
    let shape = x.dims().to_vec();
    let data = x.into_data_async().await.unwrap();
    let values = data.try_into_vec().unwrap();
    Reference { shape, values }
}

/// Outputs of modules, by the name under which they are dumped.
#[derive(Default)]
struct Parts(BTreeMap<String, Tensor<4>>);

impl Parts {
    fn keep(&mut self, module: Arguments, strips: &[Tensor<4>]) {
        let dumped = module
            .to_string()
            .replace("down_blocks.", "block_")
            .replace("up_blocks.", "block_")
            .replace("mid_block.attentions.0", "mid_attention")
            .replace("mid_block", "mid")
            .replace("post_quant_conv", "decoder.post_quant_conv");
        let whole = channels_first(Tensor::cat(strips.to_vec(), 1));
        self.0.insert(dumped, whole);
    }
}

async fn load_encoder(base: &Model<Shards>, device: &Device) -> Resident<Encoder> {
    let config = base.vae.as_ref().unwrap();
    let wanted = VaeConfig::is_of_encoder;
    load(base, ComponentName::Vae, device, wanted, |weights| {
        config.init_encoder(weights)
    })
    .await
}

async fn load_decoder(base: &Model<Shards>, device: &Device) -> Resident<Decoder> {
    let config = base.vae.as_ref().unwrap();
    let wanted = VaeConfig::is_of_decoder;
    load(base, ComponentName::Vae, device, wanted, |weights| {
        config.init_decoder(weights)
    })
    .await
}
