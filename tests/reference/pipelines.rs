use burn::tensor::Tensor;
use sdxl_web::lora::Lora;
use sdxl_web::noise::Generator;
use sdxl_web::pipeline::{Event, Model, Observer, Start, StartLatents};
use sdxl_web::request::{LoraUse, NegativeSizes, Refine};
use sdxl_web::sampling::{SamplingOptions, Step};
use sdxl_web::vae::VaeConfig;
use sdxl_web::weights::ComponentName;
use sdxl_web::{Image, Inputs, Mask, Precision, Request};
use serde::Deserialize;

use super::check::{Check, FINAL_LATENT, NOISE, PASS, TIMESTEP, channels_first, channels_last};
use super::dump::{Dump, Reference};
use super::samplers;
use super::set::{Shards, load};
use super::unets::load_unet;

/// The first part of the ensemble, and the second.
const ENSEMBLE: [&str; 2] = ["ensemble_base", "ensemble_refiner"];

/// The case that is also drawn several times at once.
const IN_BATCHES: &str = "t2i_neg_none";
const IMAGES: usize = 2;
/// Of noise that is a multiple of this, one large draw is the same as several small ones.
const NOISE_BLOCK: usize = 16;

/// What a pipeline of diffusers was called with.
#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    /// The second part of an ensemble draws no noise.
    seed: Option<u64>,
    height: Option<usize>,
    width: Option<usize>,
    num_inference_steps: usize,
    guidance_scale: f64,
    #[serde(default)]
    guidance_rescale: f64,
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
    strength: Option<f64>,
    /// Only the refiner has them.
    aesthetic_score: Option<f32>,
    negative_aesthetic_score: Option<f32>,
}

/// Whole pipelines draw what diffusers draws.
pub async fn run(check: &mut Check<'_>) {
    let dump = check.dump("pipelines");
    let cases = dump.cases::<Case>();
    for case in cases.iter().filter(|case| case.name != ENSEMBLE[1]) {
        let refiner: Option<Case> = (case.name == ENSEMBLE[0])
            .then(|| serde_json::from_value(dump.case(ENSEMBLE[1])).unwrap());
        compare(check, &dump, case, refiner.as_ref()).await;
        if case.name == IN_BATCHES {
            compare_batch(check, &dump, case).await;
            if check.precision() == Precision::F16 {
                compare_overflow(check, case).await;
            }
        }
    }
}

/// What overflows f16, as a LoRA of absurd weight does, is drawn in f32.
async fn compare_overflow(check: &mut Check<'_>, case: &Case) {
    let (name, weight) = ("lora_peft.safetensors", 1e3);
    let Some(bytes) = (check.set().files)(name) else {
        return;
    };
    let lora = Lora::parse(name, bytes).unwrap();
    let loras = vec![LoraUse {
        name: name.into(),
        weight,
    }];
    let request = Request {
        loras,
        ..case.request(check, &Inputs::default(), None).await
    };
    let mut pictures = Vec::new();
    for precision in [Precision::F16, Precision::F32] {
        let pipeline = check.pipeline(check.base().await, None);
        let mut pipeline = pipeline.with_precision(precision).unwrap();
        pipeline.add_lora(&lora).unwrap();
        let inputs = Inputs::default();
        let drawn = pipeline.generate(&request, &inputs, &mut ()).await;
        pictures.push(drawn.unwrap().remove(0).rgb);
    }
    let same = pictures[0] == pictures[1];
    check.equal("overflow", "picture", &same, &true);
}

/// Pictures drawn together are those that are drawn one after the other from the same generator.
async fn compare_batch(check: &mut Check<'_>, dump: &Dump, case: &Case) {
    let noise = dump.get(&format!("{}.noise.0", case.name)).values.len();
    if !noise.is_multiple_of(NOISE_BLOCK) {
        return;
    }
    let one = case.request(check, &Inputs::default(), None).await;
    let pipeline = check.pipeline(check.base().await, None);
    let draw = async |images: usize, generator: &mut Generator| {
        let request = Request {
            images,
            ..one.clone()
        };
        let told = pipeline.encode_text(&request, &mut ()).await.unwrap();
        let start = StartLatents::default();
        let latent = pipeline
            .denoise(&request, told, start, generator, &mut ())
            .await;
        latent.unwrap()
    };
    let together = draw(IMAGES, &mut Generator::new(one.seed)).await;
    let mut generator = Generator::new(one.seed);
    let mut alone = Vec::new();
    for _ in 0..IMAGES {
        alone.push(draw(1, &mut generator).await);
    }
    let alone = Tensor::cat(alone, 0);
    let data = alone.into_data_async().await.unwrap();
    let alone = Reference {
        shape: data.shape().to_vec(),
        values: data.try_into_vec().unwrap(),
    };
    let what = format!("batch of {IMAGES}");
    check
        .tensor(&case.name, &what, together, &alone, FINAL_LATENT)
        .await;
}

/// Draws a case, with the refiner behind it if there is one, and compares it stage by stage.
async fn compare(check: &mut Check<'_>, dump: &Dump, case: &Case, behind: Option<&Case>) {
    let (name, device) = (&case.name, check.device());
    let last = behind.map_or(name, |refiner| &refiner.name);
    let given = |tensor: &str| dump.get(&format!("{name}.{tensor}"));
    let inputs = case.inputs(dump);
    let request = case.request(check, &inputs, behind).await;
    let alone = request.skip_base;
    let pipeline = check.pipeline(check.base().await, Some(check.refiner().await));
    let model = match alone {
        true => check.refiner().await,
        false => check.base().await,
    };

    let mut generator = Generator::new(request.seed);
    for draw in 0.. {
        let tensor = format!("noise.{draw}");
        if !dump.has(&format!("{name}.{tensor}")) {
            break;
        }
        let expected = given(&tensor).values;
        let drawn = generator.normal(expected.len());
        check.values(name, &tensor, &drawn, &expected, NOISE);
    }

    let conditionings = pipeline.encode_text(&request, &mut ()).await.unwrap();
    for (name, conditioning) in [
        (
            name,
            if alone {
                &conditionings.refiner
            } else {
                &conditionings.base
            },
        ),
        (last, &conditionings.refiner),
    ] {
        let Some(conditioning) = conditioning else {
            continue;
        };
        // Not every case has the text; the latents show whether it is right.
        let text = format!("{name}.first_unet.text");
        if dump.has(&text) {
            check
                .tensor(
                    name,
                    "text",
                    conditioning.context.clone(),
                    &dump.get(&text),
                    PASS,
                )
                .await;
        }
        let pooled = dump.get(&format!("{name}.first_unet.pooled"));
        check
            .tensor(name, "pooled", conditioning.pooled.clone(), &pooled, PASS)
            .await;
        let ids = dump.get(&format!("{name}.first_unet.time_ids")).rows();
        check.equal(name, "time_ids", &conditioning.time_ids, &ids);
        let model = if name == last && behind.is_some() {
            check.refiner().await
        } else {
            check.base().await
        };
        let model = if alone { check.refiner().await } else { model };
        compare_first_pass(check, dump, name, &model, conditioning).await;
    }

    let mut generator = Generator::new(request.seed);
    let start = pipeline
        .encode_inputs(&request, &inputs, &mut generator, &mut ())
        .await
        .unwrap();
    let plan = pipeline
        .plan(&request, inputs.image.is_some(), inputs.mask.is_some())
        .unwrap();
    let part = plan.base.as_ref().or(plan.refiner.as_ref()).unwrap();
    let noise = dump.get(&format!(
        "{name}.noise.{}",
        usize::from(inputs.image.is_some())
    ));
    let noise = channels_last(noise.tensor::<4>(&device));
    let x = match (part.start, start.image.clone()) {
        (Start::Picture(sigma), Some(image)) => image + noise * sigma,
        (Start::Noise(sigma), _) => noise * sigma,
        other => panic!("{name}: starts from {other:?}"),
    };
    let x = channels_first(x / part.steps[0].sigma.hypot(1.0));
    let input = given("first_unet.input");
    let rows = input.shape[0];
    check
        .tensor(
            name,
            "first_unet.input",
            x.repeat_dim(0, rows),
            &input,
            PASS,
        )
        .await;

    let refiner_steps = behind
        .and(plan.refiner.as_ref())
        .map_or(&[][..], |part| &part.steps);
    compare_schedule(check, dump, name, &model, &request, &part.steps);
    let mut latents = Latents::default();
    let latent = pipeline
        .denoise(&request, conditionings, start, &mut generator, &mut latents)
        .await
        .unwrap();
    let scaled = !matches!(
        scheduler_of(name).as_str(),
        "euler" | "euler_trailing" | "euler_ancestral"
    );
    let expected = given("latents").parts();
    let (own, others) = latents.0.split_at(part.steps.len().min(latents.0.len()));
    compare_latents(check, name, own, &expected, scaled).await;
    if let Some(refiner) = behind {
        let expected = dump.get(&format!("{}.latents", refiner.name)).parts();
        let input = dump.get(&format!("{}.input_latent", refiner.name));
        let (handed, _) = own.last().unwrap();
        check
            .tensor(
                last,
                "input_latent",
                channels_first(handed.clone()),
                &input,
                FINAL_LATENT,
            )
            .await;
        compare_latents(check, last, others, &expected, scaled).await;
        let model = check.refiner().await;
        compare_schedule(check, dump, last, &model, &request, refiner_steps);
    }

    let decoded = format!("{last}.decoded");
    if dump.has(&decoded) {
        let config = check.base().await.vae.unwrap();
        let base = check.base().await;
        let wanted = VaeConfig::is_of_decoder;
        let decoder = load(&base, ComponentName::Vae, &device, wanted, |weights| {
            config.init_decoder(weights)
        })
        .await;
        let picture = channels_first(decoder.forward(latent.clone()).await.unwrap());
        check
            .tensor(last, "decoded", picture, &dump.get(&decoded), FINAL_LATENT)
            .await;
    }
    let images = pipeline.decode(latent, &mut ()).await.unwrap();
    let (shape, levels) = dump.levels(&format!("{last}.image_u8"));
    let [image] = &images[..] else {
        panic!("{last}: {} pictures", images.len())
    };
    check.equal(
        last,
        "size",
        &[image.height, image.width, 3][..],
        &shape[..],
    );
    check.levels(last, &image.rgb, &levels);
}

/// What the network makes of its first input, which is dumped with it.
async fn compare_first_pass(
    check: &mut Check<'_>,
    dump: &Dump,
    name: &str,
    model: &Model<Shards>,
    conditioning: &sdxl_web::conditioning::Conditioning,
) {
    let device = check.device();
    let given = |tensor: &str| dump.get(&format!("{name}.first_unet.{tensor}"));
    let unet = load_unet(model, &device).await;
    let added = unet.embed_added(conditioning.pooled.clone(), &conditioning.time_ids, &device);
    let x = channels_last(check.given(&given("input")));
    let context = unet.context(&conditioning.context.clone().cast(x.dtype()));
    let noise = unet.forward(x, given("t").values[0], &context, &added);
    let noise = noise.await.unwrap();
    check
        .tensor(
            name,
            "first_unet.output",
            channels_first(noise),
            &given("output"),
            PASS,
        )
        .await;
}

fn compare_schedule(
    check: &mut Check<'_>,
    dump: &Dump,
    name: &str,
    model: &Model<Shards>,
    request: &Request,
    steps: &[Step],
) {
    let timesteps: Vec<f32> = steps.iter().map(|step| step.timestep as f32).collect();
    let expected = dump.get(&format!("{name}.timesteps")).values;
    check.values(name, "timesteps", &timesteps, &expected, TIMESTEP);
    let sigmas = format!("{name}.sigmas");
    if dump.has(&sigmas) {
        let schedule = model.scheduler.schedule(request.sampling, request.steps);
        let end = schedule.steps.last().map(|step| step.next);
        let table: Vec<f64> = schedule
            .steps
            .iter()
            .map(|step| step.sigma)
            .chain(end)
            .collect();
        check.table(name, "sigmas", &table, &dump.get(&sigmas).values);
    }
}

/// After each step. Where diffusers keeps mixtures of deviation 1, ours become such.
async fn compare_latents(
    check: &mut Check<'_>,
    name: &str,
    actual: &[(Tensor<4>, f64)],
    expected: &[Reference],
    scaled: bool,
) {
    check.equal(name, "steps", &actual.len(), &expected.len());
    for (step, ((latent, sigma), expected)) in actual.iter().zip(expected).enumerate() {
        let latent = match scaled {
            true => latent.clone() / sigma.hypot(1.0),
            false => latent.clone(),
        };
        let tensor = format!("latents.{step}");
        check
            .tensor(
                name,
                &tensor,
                channels_first(latent),
                expected,
                FINAL_LATENT,
            )
            .await;
    }
}

/// The latent after each step, and the deviation of the noise in it.
#[derive(Default)]
struct Latents(Vec<(Tensor<4>, f64)>);

impl Observer for Latents {
    fn event(&mut self, _: Event) {}

    fn latent(&mut self, latent: &Tensor<4>, sigma: f64) {
        self.0.push((latent.clone(), sigma));
    }
}

/// The case of schedulers.json that a pipeline's case ran with.
fn scheduler_of(name: &str) -> String {
    match name.strip_prefix("t2i_") {
        Some("lightning") => "euler_trailing".into(),
        Some(name @ ("lcm" | "unipc" | "euler_ancestral" | "dpmpp_2m_karras")) => name.into(),
        _ => "euler".into(),
    }
}

impl Case {
    fn inputs(&self, dump: &Dump) -> Inputs {
        if !matches!(self.kind.as_str(), "image-to-image" | "inpainting") {
            return Inputs::default();
        }
        let (shape, levels) = dump.levels("input_image_u8");
        let image = Image::from_rgb(levels, shape[0], shape[1]).unwrap();
        let mask = (self.kind == "inpainting").then(|| {
            let (shape, levels) = dump.levels("input_mask_u8");
            Mask::from_levels(&levels, shape[0], shape[1]).unwrap()
        });
        let image = Some(image);
        Inputs { image, mask }
    }

    async fn request(
        &self,
        check: &mut Check<'_>,
        inputs: &Inputs,
        behind: Option<&Self>,
    ) -> Request {
        let negative_sizes = || {
            Some(NegativeSizes {
                original_size: self.negative_original_size?,
                crop_top_left: self.negative_crops_coords_top_left?,
                target_size: self.negative_target_size?,
            })
        };
        let side = |own: Option<usize>, of: fn(&Image) -> usize| {
            own.or(inputs.image.as_ref().map(of)).unwrap()
        };
        let strength = self.strength.unwrap_or_default();
        let alone = self.aesthetic_score.is_some();
        let scores = behind.unwrap_or(self);
        let sampling: SamplingOptions = samplers::options(check, &scheduler_of(&self.name));
        Request {
            prompt: self.prompt.clone(),
            prompt_2: self.prompt_2.clone(),
            negative_prompt: self.negative_prompt.clone(),
            seed: self.seed.unwrap(),
            steps: self.num_inference_steps,
            sampling,
            guidance_scale: self.guidance_scale,
            guidance_rescale: self.guidance_rescale,
            strength,
            height: side(self.height, |image| image.height),
            width: side(self.width, |image| image.width),
            refiner: match self.denoising_end {
                Some(switch_at) => Some(Refine::Ensemble { switch_at }),
                None if alone => Some(Refine::SdEdit {
                    strength,
                    steps: None,
                }),
                None => None,
            },
            skip_base: alone,
            original_size: self.original_size,
            crop_top_left: self.crops_coords_top_left,
            target_size: self.target_size,
            negative_sizes: negative_sizes(),
            aesthetic_score: scores.aesthetic_score,
            negative_aesthetic_score: scores.negative_aesthetic_score,
            ..Request::default()
        }
    }
}
