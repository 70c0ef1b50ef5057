//! A transformer block at SDXL's full width, with random weights: what the demo model is too narrow to show.

use std::fmt::Write;

use burn::tensor::{Device, Tensor, TensorData};
use sdxl_web::Result;
use sdxl_web::lora::Adapters;
use sdxl_web::noise::Generator;
use sdxl_web::unet::{Attention, Transformer, TransformerConfig, UNetConfig};
use sdxl_web::weights::inventory::{Role, Spec, tensors_of};
use sdxl_web::weights::{ComponentName, Resident, Weights};

use super::difference::Difference;
use super::model::Encoder;
use super::pictures::values;
use super::published;
use super::scheme::{OF_UNET, Scheme};

const NAME: ComponentName = ComponentName::Unet;
/// It; only its first block is looked at.
const AT: &str = "mid_block.attentions.0.";
/// A picture of 1024x1024 has this side there.
const SIDE: usize = 32;
const TOKENS: usize = 77;

/// The table of the published base's widest transformer.
pub async fn table() -> Result<String> {
    let bad = |problem: String| published::bad(NAME, problem);
    let json = published::config(NAME)?;
    let specs = tensors_of(NAME, &json)?;
    let config: UNetConfig =
        serde_json::from_value(json).map_err(|error| bad(error.to_string()))?;
    let level = config.mid_level().map_err(|(_, problem)| bad(problem))?;
    let Some(attention) = level.attention else {
        return Err(bad("its middle block has no attention".into()));
    };
    let block = TransformerConfig {
        channels: level.channels,
        attention: Attention {
            layers: 1,
            ..attention
        },
        context: config.cross_attention_dim,
        groups: config.norm_num_groups,
    };
    let specs: Vec<Spec> = specs
        .into_iter()
        .filter_map(|spec| {
            let name = spec.name.strip_prefix(AT)?;
            let later = name.starts_with("transformer_blocks.")
                && !name.starts_with("transformer_blocks.0.");
            (!later).then_some(spec)
        })
        .collect();

    let exact = output(&block, &specs, &Scheme::EXACT).await?;
    let mut text = format!(
        "| scheme | one transformer block, {} wide, context {} |\n| --- | --- |\n",
        block.channels, block.context
    );
    for scheme in &OF_UNET {
        let difference = Difference::of(&exact, &output(&block, &specs, scheme).await?);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {difference} |", scheme.name);
    }
    Ok(text)
}

/// What the transformer adds to its input.
async fn output(config: &TransformerConfig, specs: &[Spec], scheme: &Scheme) -> Result<Vec<f32>> {
    let device = Device::flex();
    let transformer = load(config, specs, scheme, &device).await?;
    let mut generator = Generator::new(0);
    let mut normal = |shape: &[usize]| {
        let values = generator.normal(shape.iter().product());
        TensorData::new(values, shape.to_vec())
    };
    let x = Tensor::from_data(normal(&[1, SIDE, SIDE, config.channels]), &device);
    let context = Tensor::from_data(normal(&[1, TOKENS, config.context]), &device);
    let text = transformer.keys_values(&context);
    values(&(transformer.forward(x.clone(), &text).await? - x))
}

/// Matrices with deviation 1/sqrt(inputs), norms that do nothing, biases of zero.
async fn load(
    config: &TransformerConfig,
    specs: &[Spec],
    scheme: &Scheme,
    device: &Device,
) -> Result<Resident<Transformer>> {
    let mut encoder = Encoder::default();
    for (seed, spec) in specs.iter().enumerate() {
        let count = spec.shape.iter().product();
        let values = match (spec.role, &spec.shape[..]) {
            (_, [_, inputs]) => {
                let scale = (*inputs as f32).sqrt().recip();
                let normal = Generator::new(seed as u64 + 1).normal(count);
                normal.into_iter().map(|value| value * scale).collect()
            }
            (Role::Norm, _) => vec![1.0; count],
            _ => vec![0.0; count],
        };
        encoder.add(NAME, spec, &spec.shape, &values, scheme)?;
    }
    let (component, shards) = encoder.finish(NAME);
    let none = Adapters::default();
    let weights = Weights::load(
        &shards,
        NAME,
        &component,
        device,
        &none,
        |_| true,
        |_| Ok(()),
    );
    weights
        .await?
        .build(|weights| config.init(&weights.at(AT.trim_end_matches('.'))))
}
