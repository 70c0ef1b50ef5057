use std::collections::BTreeMap;
use std::fmt::Arguments;

use burn::tensor::{Device, Tensor};
use sdxl_web::pipeline::Model;
use sdxl_web::vae::{Decoder, Encoder, VaeConfig};
use sdxl_web::weights::{ComponentName, Resident};
use sdxl_web::{Pipeline, Precision};

use super::check::{Check, PART, PASS, channels_first, channels_last};
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

    let image = channels_last(check.given(&given(SAMPLED, "image")));
    let noise = channels_last(given(SAMPLED, "noise").tensor(&device));
    let mut parts = Parts::default();
    let [_, rows, _, _] = image.dims();
    let mut keep = |part: Arguments, x: &[Tensor<4>]| parts.keep(part, x);
    let distribution = encoder.forward_observed(image, rows, &mut keep);
    let distribution = distribution.await.unwrap();
    for (tensor, actual) in [
        ("moments", distribution.moments.clone()),
        ("mean", distribution.mean()),
        ("logvar", distribution.log_variance()),
        ("latent", distribution.sample(noise)),
    ] {
        let (actual, expected) = (channels_first(actual), given(SAMPLED, tensor));
        check.tensor(SAMPLED, tensor, actual, &expected, PASS).await;
    }
    let latent = channels_last(check.given(&given(SAMPLED, "decode_latent")));
    let [_, rows, _, _] = latent.dims();
    let mut keep = |part: Arguments, x: &[Tensor<4>]| parts.keep(part, x);
    let picture = decoder.forward_observed(latent, rows, &mut keep);
    let (picture, expected) = (
        channels_first(picture.await.unwrap()),
        given(SAMPLED, "decoded"),
    );
    check
        .tensor(SAMPLED, "decoded", picture, &expected, PASS)
        .await;
    for (dumped, actual) in parts.0 {
        if dump.has(&format!("{SAMPLED}.{dumped}")) {
            let expected = given(SAMPLED, &dumped);
            check
                .tensor(SAMPLED, &dumped, actual, &expected, PART)
                .await;
        }
    }

    let image = channels_last(check.given(&given(ROUND_TRIP, "image")));
    let expected = given(ROUND_TRIP, "latent");
    let latent = channels_first(encoder.forward(image).await.unwrap().mode());
    check
        .tensor(ROUND_TRIP, "latent", latent, &expected, PASS)
        .await;
    let latent = channels_last(check.given(&expected));
    let (picture, expected) = (
        channels_first(decoder.forward(latent).await.unwrap()),
        given(ROUND_TRIP, "decoded"),
    );
    check
        .tensor(ROUND_TRIP, "decoded", picture, &expected, PASS)
        .await;
    let picture = channels_last(check.given(&given(ROUND_TRIP, "image")));
    compare_strips(check, ROUND_TRIP, &encoder, &decoder, picture).await;
    if check.precision() == Precision::F16 {
        let latent = channels_last(given(SAMPLED, "decode_latent").tensor(&device));
        compare_overflow(check, &decoder, latent).await;
    }
}

/// A picture for which f16 is too small is drawn in f32, even if the config promises that there is none.
async fn compare_overflow(check: &mut Check<'_>, decoder: &Decoder, latent: Tensor<4>) {
    const FACTOR: f64 = 1e6;
    let case = "overflow";
    let latent = latent * FACTOR;
    let picture = decoder.forward(latent.clone().cast(check.precision().dtype()));
    let overflows = reference(picture.await.unwrap())
        .await
        .values
        .iter()
        .any(|value| !value.is_finite());
    check.equal(case, "f16 overflows", &overflows, &true);

    let mut pictures = Vec::new();
    for precision in [Precision::F16, Precision::F32] {
        let mut base = check.base().await;
        base.vae.as_mut().unwrap().force_upcast = false;
        let pipeline = Pipeline::new(base, None, check.device()).unwrap();
        let pipeline = pipeline.with_precision(precision).unwrap();
        pictures.extend(pipeline.decode(latent.clone(), &mut ()).await.unwrap());
    }
    check.equal(case, "picture", &pictures[0].rgb, &pictures[1].rgb);
}

/// A picture in strips is the one without: strips of one row of the latent, and of numbers that leave a smaller last one.
async fn compare_strips(
    check: &mut Check<'_>,
    case: &str,
    encoder: &Encoder,
    decoder: &Decoder,
    picture: Tensor<4>,
) {
    let latent = encoder.forward(picture.clone()).await.unwrap().mode();
    let whole = reference(latent.clone()).await;
    let latent = latent.cast(picture.dtype());
    let decoded = reference(decoder.forward(latent.clone()).await.unwrap()).await;
    for rows in [1, 2, 3] {
        let encoded = encoder.forward_strips(picture.clone(), rows);
        let encoded = encoded.await.unwrap().mode();
        let name = format!("encoded in strips of {rows}");
        check.tensor(case, &name, encoded, &whole, PASS).await;
        let picture = decoder.forward_strips(latent.clone(), rows);
        let name = format!("decoded in strips of {rows}");
        let picture = picture.await.unwrap();
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
