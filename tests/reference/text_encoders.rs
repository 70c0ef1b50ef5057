use burn::tensor::Tensor;
use sdxl_web::Request;
use sdxl_web::pipeline::{Model, TextModel};
use sdxl_web::text_encoder::{TextEncoder, TextInput};
use sdxl_web::weights::{Resident, Scope};
use serde::Deserialize;

use super::check::{Check, PASS};
use super::set::{Shards, load};

#[derive(Deserialize)]
struct Case {
    name: String,
    prompt: String,
}

/// Both encoders give the states of transformers, and the text stage gives the context that diffusers makes of them.
pub async fn run(check: &mut Check<'_>) {
    let (base, dump) = (check.base().await, check.dump("text_encoders"));
    for (number, text) in [(1, &base.text), (2, &base.text_2)] {
        let text = text.as_ref().unwrap();
        let encoder = open(check, &base, text).await;
        for Case { name, .. } in dump.cases() {
            encode(check, &name, number, &encoder).await;
        }
    }

    let pipeline = check.pipeline(base, None);
    for Case { name, prompt } in dump.cases() {
        for (tensor, clip_skip) in [("prompt_embeds", 0), ("prompt_embeds_clip_skip_1", 1)] {
            let whole = format!("{name}.{tensor}");
            if !dump.has(&whole) {
                continue;
            }
            let request = Request {
                prompt: prompt.clone(),
                clip_skip,
                guidance_scale: 1.0,
                ..Request::default()
            };
            let told = pipeline.encode_text(&request, &mut ()).await.unwrap();
            let context = told.base.unwrap().context;
            check
                .tensor(&name, tensor, context, &dump.get(&whole), PASS)
                .await;
        }
    }
}

/// Loads an encoder of the set.
pub async fn open(
    check: &Check<'_>,
    model: &Model<Shards>,
    text: &TextModel,
) -> Resident<TextEncoder> {
    let init = |weights: &Scope| text.config.init(weights);
    load(model, text.name, &check.device(), |_| true, init).await
}

/// Compares every state of encoder `number` that was dumped.
async fn encode(check: &mut Check<'_>, name: &str, number: usize, encoder: &TextEncoder) {
    let (device, precision) = (check.device(), check.precision());
    let dump = check.dump("text_encoders");
    let ids = dump.ids(&format!("{name}.ids_{number}"));
    let input = TextInput {
        ids: ids[0].clone(),
        clip_skip: 0,
    };
    let encodings = encoder.forward(&[input], precision, &device).await;
    let encoding = encodings.unwrap().remove(0);
    let hidden: Vec<Tensor<3>> = encoder.hidden_states(&ids, precision, &device).collect();
    let last = encoder.last_hidden_state(hidden.last().unwrap().clone());

    let mut states = vec![(format!("penultimate_{number}"), encoding.states)];
    for (layer, state) in hidden.into_iter().enumerate() {
        states.push((format!("hidden_{number}.{layer}"), state));
    }
    states.push((format!("last_{number}"), last));
    for (tensor, state) in states {
        let whole = format!("{name}.{tensor}");
        if dump.has(&whole) {
            let expected = dump.get(&whole);
            check.tensor(name, &tensor, state, &expected, PASS).await;
        }
    }
    check.equal(
        name,
        &format!("encoder {number} pools"),
        &encoding.pooled.is_some(),
        &(number == 2),
    );
    if let Some(pooled) = encoding.pooled {
        let expected = dump.get(&format!("{name}.pooled"));
        check.tensor(name, "pooled", pooled, &expected, PASS).await;
    }
}
