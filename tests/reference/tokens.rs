use sdxl_web::pipeline::TextModel;
use serde::Deserialize;

use crate::fixture::cases;
use crate::models;

#[derive(Deserialize)]
struct Case {
    prompt: String,
    ids_1: Vec<u32>,
    ids_2: Vec<u32>,
}

#[test]
fn difficult_prompts_have_the_tokens_of_transformers() {
    let base = models::base();
    for case in cases::<Case>("tokens") {
        compare(base.text.as_ref().unwrap(), &case.prompt, &case.ids_1);
        compare(base.text_2.as_ref().unwrap(), &case.prompt, &case.ids_2);
    }
}

fn compare(model: &TextModel, prompt: &str, expected: &[u32]) {
    let length = model.config.max_position_embeddings;
    let ids = model.tokenizer.encode(prompt, length).unwrap();
    assert_eq!(ids, expected, "{}, {prompt:?}", model.name);
}
