use burn::tensor::Device;
use sdxl_web::conditioning::Conditioning;
use sdxl_web::noise::Generator;
use sdxl_web::request::{NegativeSizes, Refine};
use sdxl_web::sampling::SchedulerConfig;
use sdxl_web::{Pipeline, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::compare::{FINAL_LATENT, NOISE, PASS};
use crate::compare::{channels_first, compare, compare_levels, compare_values};
use crate::fixture::{Tensors, cases};
use crate::models::{self, Shards};

const FIXTURE: &str = "pipelines";

/// What `StableDiffusionXLPipeline` was called with.
#[derive(Deserialize)]
struct BaseCase {
    name: String,
    seed: u64,
    height: usize,
    width: usize,
    num_inference_steps: usize,
    guidance_scale: f64,
    prompt: String,
    prompt_2: Option<String>,
    negative_prompt: Option<String>,
    original_size: Option<[u32; 2]>,
    crops_coords_top_left: Option<[u32; 2]>,
    target_size: Option<[u32; 2]>,
    negative_original_size: Option<[u32; 2]>,
    negative_crops_coords_top_left: Option<[u32; 2]>,
    negative_target_size: Option<[u32; 2]>,
    denoising_end: Option<f64>,
}

/// What `StableDiffusionXLImg2ImgPipeline` was called with after it.
#[derive(Deserialize)]
struct RefinerCase {
    name: String,
    aesthetic_score: f32,
    negative_aesthetic_score: f32,
}

#[test]
fn without_a_negative_prompt_the_base_is_guided_away_from_zeros() {
    compare_base("t2i_neg_none");
}

#[test]
fn an_empty_negative_prompt_is_encoded() {
    compare_base("t2i_neg_empty");
}

#[test]
fn negative_prompt_and_negative_sizes_are_free() {
    compare_base("t2i_neg_text");
}

#[test]
fn each_encoder_may_have_its_own_prompt() {
    compare_base("t2i_two_prompts");
}

#[test]
fn a_distilled_model_runs_without_guidance_from_the_last_timestep() {
    let mut base = models::base();
    base.scheduler = trailing();
    let pipeline = Pipeline::new(base, None, Device::flex()).unwrap();
    compare_case(&pipeline, &case("t2i_lightning"), None);
}

#[test]
fn the_refiner_finishes_the_latent_of_the_base() {
    let (base, refiner) = (models::base(), models::refiner());
    let pipeline = Pipeline::new(base, Some(refiner), Device::flex()).unwrap();
    let refiner = case("ensemble_refiner");
    compare_case(&pipeline, &case("ensemble_base"), Some(&refiner));
}

fn compare_base(name: &str) {
    let pipeline = Pipeline::new(models::base(), None, Device::flex()).unwrap();
    compare_case(&pipeline, &case(name), None);
}

/// Draws a case, with the refiner if there is one, and compares it stage by stage.
fn compare_case(pipeline: &Pipeline<Shards>, case: &BaseCase, refiner: Option<&RefinerCase>) {
    let (name, reference) = (&case.name, Tensors::open(FIXTURE));
    let request = case.request(refiner);
    pipeline.check(&request).unwrap();
    let last = refiner.map_or(name, |refiner| &refiner.name);

    let noise = reference.get(name, "noise");
    let drawn = Generator::new(request.seed).normal(noise.values.len());
    compare_values(name, "noise", &drawn, &noise.values, NOISE);

    let conditionings = pollster::block_on(pipeline.encode_text(&request, &mut ())).unwrap();
    compare_conditioning(&reference, name, &conditionings.base);
    if let Some(refiner) = refiner {
        let conditioning = conditionings.refiner.as_ref().unwrap();
        compare_conditioning(&reference, &refiner.name, conditioning);
    }

    let latent = pollster::block_on(pipeline.denoise(&request, conditionings, &mut ())).unwrap();
    let expected = reference.get(last, "latent");
    let actual = channels_first(latent.clone());
    compare(last, "latent", actual, &expected, FINAL_LATENT);

    let image = pollster::block_on(pipeline.decode(latent, &mut ())).unwrap();
    let (height, width, levels) = reference.picture(last, "image_u8");
    assert_eq!([image.height, image.width], [height, width], "{last}, size");
    compare_levels(last, &image.rgb, &levels);
}

fn compare_conditioning(reference: &Tensors, name: &str, conditioning: &Conditioning) {
    let Conditioning {
        context,
        pooled,
        time_ids,
    } = conditioning.clone();
    // Not every case has it; the latent shows whether it is right.
    if reference.has(name, "text") {
        let expected = reference.get(name, "text");
        compare(name, "text", context, &expected, PASS);
    }
    let expected = reference.get(name, "pooled");
    compare(name, "pooled", pooled, &expected, PASS);
    let expected = reference.get(name, "time_ids").rows();
    assert_eq!(time_ids, expected, "{name}, time_ids");
}

impl BaseCase {
    fn request(&self, refiner: Option<&RefinerCase>) -> Request {
        let negative_sizes = || {
            Some(NegativeSizes {
                original_size: self.negative_original_size?,
                crop_top_left: self.negative_crops_coords_top_left?,
                target_size: self.negative_target_size?,
            })
        };
        Request {
            prompt: self.prompt.clone(),
            prompt_2: self.prompt_2.clone(),
            negative_prompt: self.negative_prompt.clone(),
            seed: self.seed,
            steps: self.num_inference_steps,
            guidance_scale: self.guidance_scale,
            height: self.height,
            width: self.width,
            refiner: self.denoising_end.map(|switch_at| Refine { switch_at }),
            original_size: self.original_size,
            crop_top_left: self.crops_coords_top_left,
            target_size: self.target_size,
            negative_sizes: negative_sizes(),
            aesthetic_score: refiner.map(|refiner| refiner.aesthetic_score),
            negative_aesthetic_score: refiner.map(|refiner| refiner.negative_aesthetic_score),
        }
    }
}

fn case<C: DeserializeOwned>(name: &str) -> C {
    let cases = cases::<serde_json::Value>(FIXTURE);
    let found = cases.into_iter().find(|case| case["name"] == name);
    serde_json::from_value(found.expect(name)).unwrap()
}

/// The base's schedule with its timesteps spaced as distilled models have them.
fn trailing() -> SchedulerConfig {
    let cases = cases::<serde_json::Value>("schedulers");
    let found = cases
        .into_iter()
        .find(|case| case["name"] == "euler_trailing");
    serde_json::from_value(found.unwrap()["config"].take()).unwrap()
}
