use sdxl_web::tokenizer::Tokenizer;
use serde::Deserialize;

use super::check::Check;

#[derive(Deserialize)]
struct Tokens {
    prompts: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    prompt: String,
    ids_1: Vec<u32>,
    ids_2: Vec<u32>,
    untruncated_1: Vec<u32>,
    untruncated_2: Vec<u32>,
}

/// Difficult prompts have the ids of transformers.
pub async fn run(check: &mut Check<'_>) {
    let base = check.base().await;
    let tokens: Tokens = serde_json::from_slice(&check.set().file("tokens.json")).unwrap();
    for case in tokens.prompts {
        let name = start(&case.prompt);
        for (text, padded, whole) in [
            (&base.text, &case.ids_1, &case.untruncated_1),
            (&base.text_2, &case.ids_2, &case.untruncated_2),
        ] {
            let text = text.as_ref().unwrap();
            let mut compare = |tokenizer: &Tokenizer, expected: &Vec<u32>| {
                let ids = tokenizer.encode(&case.prompt, expected.len()).unwrap();
                check.equal(&name, text.name.as_str(), &ids, expected);
            };
            compare(&text.tokenizer, padded);
            compare(&text.tokenizer, whole);
            let tokens = text.tokenizer.ids(&case.prompt).unwrap().len();
            check.equal(&name, "tokens", &(tokens + 2), &whole.len());
        }
    }
}

/// What a prompt's case is called.
pub fn start(prompt: &str) -> String {
    let start: String = prompt.chars().take(24).collect();
    format!("{start:?}")
}
