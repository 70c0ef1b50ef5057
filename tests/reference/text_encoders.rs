use burn::tensor::Device;
use sdxl_web::pipeline::{Model, TextModel};
use sdxl_web::text_encoder::TextEncoding;
use serde::Deserialize;

use crate::compare::{PASS, compare};
use crate::fixture::{Tensors, cases};
use crate::models::{self, Shards, load};

const FIXTURE: &str = "text_encoders";

#[derive(Deserialize)]
struct Case {
    name: String,
}

#[test]
fn both_encoders_give_the_states_of_transformers() {
    let (base, reference) = (models::base(), Tensors::open(FIXTURE));
    let (first, second) = (base.text.as_ref().unwrap(), base.text_2.as_ref().unwrap());
    for Case { name } in cases(FIXTURE) {
        let expected = |tensor: &str| reference.get(&name, tensor);
        let encoding = encode(&base, first, &reference.ids(&name, "ids_1"));
        let states = expected("penultimate_1");
        compare(&name, "penultimate_1", encoding.penultimate, &states, PASS);
        assert!(encoding.pooled.is_none(), "encoder 1 has no projection");

        let encoding = encode(&base, second, &reference.ids(&name, "ids_2"));
        let states = expected("penultimate_2");
        compare(&name, "penultimate_2", encoding.penultimate, &states, PASS);
        let pooled = encoding.pooled.unwrap();
        compare(&name, "pooled", pooled, &expected("pooled"), PASS);
    }
}

fn encode(model: &Model<Shards>, text: &TextModel, ids: &[Vec<u32>]) -> TextEncoding {
    let encoder = load(
        model,
        text.name,
        |_| true,
        |weights| text.config.init(weights),
    );
    encoder.forward(ids, &Device::flex())
}
