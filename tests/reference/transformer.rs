use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::Tensor;
use sdxl_web::lora::Adapters;
use sdxl_web::unet::{Attention, Transformer, TransformerConfig};
use sdxl_web::weights::manifest::{Component, ShardEntry, TensorEntry};
use sdxl_web::weights::{ComponentName, Encoding, Resident, Weights, quantize};
use serde::Deserialize;
use serde_json::Value;

use super::check::{Check, PASS, channels_first, channels_last};
use super::dump::Dump;
use super::set::Shards;

const SHARD: &str = "transformer-000.bin";

#[derive(Deserialize)]
struct Case {
    name: String,
    heads: usize,
    head_size: usize,
}

/// A transformer at the head size of the real models, which the tiny ones are too small to have.
pub async fn run(check: &mut Check<'_>) {
    let dump = check.dump("transformer_head64");
    for Case {
        name,
        heads,
        head_size,
    } in dump.cases()
    {
        let given = |tensor: &str| dump.get(&format!("{name}.{tensor}"));
        let context: Tensor<3> = check.given(&given("text"));
        let [_, _, width] = context.dims();
        let blocks = dump.names().into_iter();
        let blocks = blocks.filter(|name| name.ends_with("norm1.weight")).count();
        let config = TransformerConfig {
            channels: heads * head_size,
            attention: Attention {
                layers: blocks,
                heads,
            },
            context: width,
            groups: GROUPS,
        };
        let transformer = load(check, &dump, &config).await;
        let x = channels_last(check.given(&given("sample")));
        let mut outputs = Vec::new();
        let text = transformer.keys_values(&context);
        let mut observe = |_, tokens: &Tensor<3>| outputs.push(tokens.clone());
        let out = transformer.forward_observed(x, &text, &mut observe);
        let out = out.await.unwrap();
        let first = outputs.swap_remove(0);
        let expected = given("block_out");
        check
            .tensor(&name, "block_out", first, &expected, PASS)
            .await;
        let (out, expected) = (channels_first(out), given("out"));
        check.tensor(&name, "out", out, &expected, PASS).await;
    }
}

/// The number of groups stands in no file: it is Transformer2DModel's default, and SDXL's.
const GROUPS: usize = 32;

/// Packs the weights of the dump into one shard and loads that as any other component.
async fn load(check: &Check<'_>, dump: &Dump, config: &TransformerConfig) -> Resident<Transformer> {
    let (mut stream, mut tensors) = (Vec::new(), Vec::new());
    for name in dump.names() {
        let Some(tensor) = name.strip_prefix("w.") else {
            continue;
        };
        let (given, encoding) = (dump.get(&name), Encoding::F16);
        let bytes = quantize::encode(&given.values, &given.shape, encoding).unwrap();
        tensors.push(TensorEntry {
            name: tensor.to_owned(),
            shape: given.shape,
            encoding,
            offset: stream.len() as u64,
            length: bytes.len() as u64,
        });
        stream.extend(bytes);
    }
    let length = stream.len() as u64;
    let component = Component {
        config: Value::Null,
        tensors,
        files: Vec::new(),
        shards: vec![ShardEntry {
            file: SHARD.into(),
            length,
            sha256: String::new(),
            compression: None,
            stored_length: length,
        }],
    };
    let shards = Shards(Rc::new(BTreeMap::from([(SHARD.to_owned(), stream)])));
    let (name, device) = (ComponentName::Unet, check.device());
    let none = Adapters::default();
    let weights = Weights::load(
        &shards,
        name,
        &component,
        &device,
        &none,
        |_| true,
        |_| Ok(()),
    );
    let weights = weights.await.unwrap();
    weights.build(|weights| config.init(weights)).unwrap()
}
