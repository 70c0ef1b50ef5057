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
}

/// Difficult prompts have the ids of transformers.
pub async fn run(check: &mut Check<'_>) {
    let base = check.base().await;
    let tokens: Tokens = serde_json::from_slice(&check.set().file("tokens.json")).unwrap();
    for case in tokens.prompts {
        for (text, ids) in [(&base.text, &case.ids_1), (&base.text_2, &case.ids_2)] {
            let text = text.as_ref().unwrap();
            let length = text.config.max_position_embeddings;
            let actual = text.tokenizer.encode(&case.prompt, length).unwrap();
            check.equal(
                &format!("{:.24?}", case.prompt),
                text.name.as_str(),
                &actual,
                ids,
            );
        }
    }
}
