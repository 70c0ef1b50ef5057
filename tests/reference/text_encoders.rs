use sdxl_web::pipeline::{Model, TextModel};
use sdxl_web::text_encoder::TextEncoding;
use serde::Deserialize;

use super::check::{Check, PASS};
use super::set::{Shards, load};

#[derive(Deserialize)]
struct Case {
    name: String,
}

/// Both encoders give the states of transformers.
pub async fn run(check: &mut Check<'_>) {
    let (base, dump) = (check.base().await, check.dump("text_encoders"));
    let (first, second) = (base.text.as_ref().unwrap(), base.text_2.as_ref().unwrap());
    for Case { name } in dump.cases() {
        let expected = |tensor: &str| dump.get(&format!("{name}.{tensor}"));
        let ids = dump.ids(&format!("{name}.ids_1"));
        let encoding = encode(check, &base, first, &ids).await;
        let states = expected("penultimate_1");
        check
            .tensor(&name, "penultimate_1", encoding.penultimate, &states, PASS)
            .await;
        assert!(encoding.pooled.is_none(), "encoder 1 has no projection");

        let ids = dump.ids(&format!("{name}.ids_2"));
        let encoding = encode(check, &base, second, &ids).await;
        let states = expected("penultimate_2");
        check
            .tensor(&name, "penultimate_2", encoding.penultimate, &states, PASS)
            .await;
        let pooled = encoding.pooled.unwrap();
        check
            .tensor(&name, "pooled", pooled, &expected("pooled"), PASS)
            .await;
    }
}

async fn encode(
    check: &Check<'_>,
    model: &Model<Shards>,
    text: &TextModel,
    ids: &[Vec<u32>],
) -> TextEncoding {
    let device = check.device();
    let encoder = load(
        model,
        text.name,
        &device,
        |_| true,
        |weights| text.config.init(weights),
    )
    .await;
    encoder.forward(ids, &device)
}
