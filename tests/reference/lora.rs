use burn::tensor::Tensor;
use sdxl_web::lora::{Adapters, FittedLora, Lora};
use sdxl_web::pipeline::{Model, TextModel};
use sdxl_web::text_encoder::{TextEncoding, TextInput};
use sdxl_web::weights::ComponentName;
use serde::Deserialize;

use super::check::{ADAPTED_PASS, Check, PASS, channels_first, channels_last};
use super::dump::Dump;
use super::set::Shards;

#[derive(Deserialize)]
struct Case {
    name: String,
    scale: f64,
    timestep: f32,
    prompt: String,
}

/// Each file, and whether it is for the text encoders too.
const FILES: [(&str, bool); 3] = [
    ("lora_peft", true),
    ("lora_kohya", true),
    ("lora_kohya_diffusers_blocks", false),
];

/// A LoRA beside the weights, in each naming, is what it is merged into them in diffusers.
pub async fn run(check: &mut Check<'_>) {
    let (base, dump) = (check.base().await, check.dump("lora_outputs"));
    for case in dump.cases::<Case>() {
        let expected = |tensor: &str| dump.get(&format!("{}.{tensor}", case.name));
        let given = Given {
            dump: &dump,
            case: &case,
        };
        let without = given.noise(check, &base, &Adapters::default()).await;
        let out = expected("out_without");
        check
            .tensor("without", "out_without", without, &out, PASS)
            .await;
        for (file, speaks) in FILES {
            let lora = fitted(check, &base, file);
            for (weights, out) in [
                (vec![case.scale], "out"),
                (vec![1.0], "out_scale_1"),
                (vec![0.5, 0.5], "out_scale_1"),
            ] {
                let name = format!("{file} {weights:?}");
                let adapters = uses(&lora, &weights);
                let noise = given.noise(check, &base, &adapters).await;
                check
                    .tensor(&name, out, noise, &expected(out), ADAPTED_PASS)
                    .await;
            }
            if !speaks {
                continue;
            }
            let adapters = uses(&lora, &[case.scale]);
            let (first, second) = (base.text.as_ref().unwrap(), base.text_2.as_ref().unwrap());
            let first = encode(check, &base, first, &case.prompt, &adapters).await;
            let second = encode(check, &base, second, &case.prompt, &adapters).await;
            let states = Tensor::cat(vec![first.states, second.states], 2);
            let embeds = expected("prompt_embeds");
            check
                .tensor(file, "prompt_embeds", states, &embeds, PASS)
                .await;
            let (pooled, wanted) = (second.pooled.unwrap(), expected("pooled_prompt"));
            check
                .tensor(file, "pooled_prompt", pooled, &wanted, PASS)
                .await;
        }
    }
}

fn fitted(check: &Check<'_>, base: &Model<Shards>, file: &str) -> FittedLora {
    let bytes = check.set().file(&format!("{file}.safetensors"));
    base.fit(&Lora::parse(file, bytes).unwrap()).unwrap()
}

fn uses<'a>(lora: &'a FittedLora, weights: &[f64]) -> Adapters<'a> {
    let mut adapters = Adapters::default();
    weights
        .iter()
        .for_each(|&weight| adapters.add(lora, weight));
    adapters
}

/// What the UNet is asked.
struct Given<'a> {
    dump: &'a Dump,
    case: &'a Case,
}

impl Given<'_> {
    async fn noise(
        &self,
        check: &Check<'_>,
        base: &Model<Shards>,
        adapters: &Adapters<'_>,
    ) -> Tensor<4> {
        let device = &check.device();
        let given = |tensor: &str| self.dump.get(&format!("{}.{tensor}", self.case.name));
        let unet = base
            .load_adapted(
                ComponentName::Unet,
                device,
                &mut (),
                adapters,
                |_| true,
                |weights| base.unet.init(weights),
            )
            .await
            .unwrap();
        let pooled = given("pooled").tensor(device);
        let added = unet.embed_added(pooled, &given("time_ids").rows(), device);
        let x = channels_last(check.given(&given("sample")));
        let context: Tensor<3> = given("text").tensor(device);
        let context = unet.context(&context.cast(x.dtype()));
        let noise = unet.forward(x, self.case.timestep, &context, &added);
        channels_first(noise.await.unwrap())
    }
}

async fn encode(
    check: &Check<'_>,
    base: &Model<Shards>,
    text: &TextModel,
    prompt: &str,
    adapters: &Adapters<'_>,
) -> TextEncoding {
    let device = &check.device();
    let length = text.config.max_position_embeddings;
    let input = TextInput {
        ids: text.tokenizer.encode(prompt, length).unwrap(),
        clip_skip: 0,
    };
    let encoder = base
        .load_adapted(
            text.name,
            device,
            &mut (),
            adapters,
            |_| true,
            |weights| text.config.init(weights),
        )
        .await
        .unwrap();
    let encodings = encoder.forward(&[input], check.precision(), device).await;
    encodings.unwrap().remove(0)
}
