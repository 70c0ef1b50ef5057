use sdxl_web::prompt::{Fragment, PromptSyntax, fragments, renormalised, weighted};
use sdxl_web::text_encoder::TextInput;
use serde::Deserialize;

use super::check::{Check, PASS, WEIGHT};
use super::text_encoders::open;
use super::tokens::start;

#[derive(Deserialize)]
struct Case {
    name: String,
    prompt: String,
}

/// The syntax of every prompt, where the set tells it: make_reference.py up to now overwrites that list with the cases'.
#[derive(Deserialize)]
struct Syntax {
    #[serde(default)]
    prompts: Vec<Parsed>,
}

#[derive(Deserialize)]
struct Parsed {
    prompt: String,
    fragments: Vec<(String, f64)>,
    chunks: Vec<Chunk>,
}

#[derive(Deserialize)]
struct Chunk {
    ids_1: Vec<u32>,
    ids_2: Vec<u32>,
    weights: Vec<f32>,
}

/// Weighted prompts are read and weighted as by the web UI.
pub async fn run(check: &mut Check<'_>) {
    let base = check.base().await;
    let texts = [(1, &base.text), (2, &base.text_2)].map(|(n, text)| (n, text.as_ref().unwrap()));

    let syntax = check.set().file("prompt_weights.json");
    let Syntax { prompts } = serde_json::from_slice(&syntax).unwrap();
    for expected in prompts {
        let case = start(&expected.prompt);
        let (words, weights): (Vec<String>, Vec<f32>) = fragments(&expected.prompt)
            .into_iter()
            .map(|Fragment { text, weight }| (text, weight as f32))
            .unzip();
        let (expected_words, expected_weights): (Vec<String>, Vec<f32>) = expected
            .fragments
            .into_iter()
            .map(|(text, weight)| (text, weight as f32))
            .unzip();
        check.equal(&case, "fragments", &words, &expected_words);
        check.values(&case, "weights", &weights, &expected_weights, WEIGHT);
        for (number, text) in texts {
            let chunks = text
                .chunks(&expected.prompt, PromptSyntax::Weighted)
                .unwrap();
            let name = format!("chunks_{number}");
            check.equal(&case, &name, &chunks.len(), &expected.chunks.len());
            for (chunk, expected) in chunks.iter().zip(&expected.chunks) {
                let ids = [&expected.ids_1, &expected.ids_2][number - 1];
                check.equal(&case, &format!("{name} ids"), &chunk.ids, ids);
                let name = format!("{name} weights");
                check.values(&case, &name, &chunk.weights, &expected.weights, WEIGHT);
            }
        }
    }

    let dump = check.dump("prompt_weights");
    for (number, text) in texts {
        let encoder = open(check, &base, text).await;
        for Case { name, prompt } in dump.cases() {
            let chunks = text.chunks(&prompt, PromptSyntax::Weighted).unwrap();
            check.equal(&name, &format!("chunks_{number}"), &chunks.len(), &1);
            let input = TextInput {
                ids: chunks[0].ids.clone(),
                clip_skip: 0,
            };
            let inputs = [input];
            let device = check.device();
            let encodings = encoder.forward(&inputs, check.precision(), &device).await;
            let states = encodings.unwrap()[0].states.clone();
            let scaled = weighted(states.clone(), &chunks[0].weights);
            for (tensor, actual) in [
                ("weighted", scaled.clone()),
                ("renormalised", renormalised(scaled, states)),
            ] {
                let tensor = format!("{tensor}_{number}");
                let expected = dump.get(&format!("{name}.{tensor}"));
                check.tensor(&name, &tensor, actual, &expected, PASS).await;
            }
        }
    }
}
