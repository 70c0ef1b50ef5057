//! LoRA files: every naming, every refusal, and the same numbers as weights with the LoRA merged into them.

use std::path::Path;

use burn::tensor::{Device, Tensor as DeviceTensor, TensorData};
use safetensors::Dtype;
use sdxl_web::Error;
use sdxl_web::lora::{Adapters, FittedLora, Lora};
use sdxl_web::noise::Generator;
use sdxl_web::unet::UNetConfig;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::weights::{ComponentName, Encoding, Weights};
use tempfile::tempdir;

use crate::tiny_model::{Tensor, TinyModel, manifest, options, run, safetensors_bytes};

const RANK: usize = 3;
const ALPHA: f32 = 1.5;
const QUERY: &str = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q";

fn tensor(name: impl Into<String>, shape: &[usize]) -> Tensor {
    let name = name.into();
    let count: usize = shape.iter().product();
    let seed = name.bytes().map(u64::from).sum();
    let values = Generator::new(seed).normal(count);
    let spread = 1.0 / (count as f32 / shape[0] as f32).sqrt();
    Tensor {
        name,
        shape: shape.to_vec(),
        values: values.into_iter().map(|v| v * spread).collect(),
    }
}

fn file(tensors: &[Tensor]) -> Vec<u8> {
    safetensors_bytes(tensors, Dtype::F32, None)
}

pub fn tiny_base(folder: &Path) -> sdxl_web::weights::Manifest {
    let (from, out) = (folder.join("from"), folder.join("out"));
    run(&options(
        &TinyModel::base().write_folder(&from),
        &out,
        Encoding::F16,
    ))
    .unwrap();
    manifest(&out)
}

/// Pair of matrices for [`QUERY`], under these names.
pub fn pair(down: &str, up: &str) -> [Tensor; 2] {
    [tensor(down, &[RANK, 48]), tensor(up, &[48, RANK])]
}

#[test]
fn every_naming_finds_its_layer() {
    let folder = tempdir().unwrap();
    let manifest = tiny_base(folder.path());
    let (flat, text) = (
        QUERY.replace('.', "_"),
        "text_model.encoder.layers.0.self_attn.q_proj",
    );
    // Two levels of two blocks and a downsampler: the attention of level 1 sits behind block 3.
    let sgm = "input_blocks_3_1_transformer_blocks_0_attn1_to_q";
    let dotted_sgm = "input_blocks.3.1.transformer_blocks.0.attn1.to_q";
    for (module, down, up) in [
        (format!("unet.{QUERY}"), ".lora_A.weight", ".lora_B.weight"),
        (
            format!("unet.{QUERY}"),
            ".lora.down.weight",
            ".lora.up.weight",
        ),
        (
            QUERY.into(),
            ".lora_A.default.weight",
            ".lora_B.default.weight",
        ),
        (
            format!("base_model.model.{QUERY}"),
            ".lora_A.weight",
            ".lora_B.weight",
        ),
        (
            format!("unet.{}", QUERY.replace("to_q", "processor.to_q")),
            "_lora.down.weight",
            "_lora.up.weight",
        ),
        (
            format!("unet.{}", QUERY.replace("to_q", "processor.to_out")),
            "_lora.down.weight",
            "_lora.up.weight",
        ),
        (
            format!("lora_unet_{flat}"),
            ".lora_down.weight",
            ".lora_up.weight",
        ),
        (
            format!("lora_unet_{sgm}"),
            ".lora_down.weight",
            ".lora_up.weight",
        ),
        (
            format!("diffusion_model.{dotted_sgm}"),
            ".lora_A.weight",
            ".lora_B.weight",
        ),
        (
            format!("text_encoder_2.{text}"),
            ".lora_linear_layer.down.weight",
            ".lora_linear_layer.up.weight",
        ),
        (
            format!("lora_te2_{}", text.replace('.', "_")),
            ".lora_down.weight",
            ".lora_up.weight",
        ),
    ] {
        let pair = pair(&format!("{module}{down}"), &format!("{module}{up}"));
        let lora = Lora::parse("any", file(&pair)).unwrap();
        if let Err(error) = lora.fit(&manifest) {
            panic!("{module}: {error}");
        }
    }
}

/// What a file is refused for, on reading or on fitting: the key, and the whole message.
fn refusal(tensors: &[Tensor], metadata: &[(&str, &str)]) -> (String, String) {
    let folder = tempdir().unwrap();
    let bytes = safetensors_bytes(tensors, Dtype::F32, Some(metadata));
    let lora = Lora::parse("fox", bytes);
    let fitted = lora.and_then(|lora| lora.fit(&tiny_base(folder.path())));
    let error = fitted.unwrap_err();
    let message = error.to_string();
    let Error::BadLora { lora, key, .. } = error else {
        panic!("{message}")
    };
    assert_eq!(lora, "fox");
    (key.unwrap_or_default(), message)
}

#[track_caller]
fn refuses(tensors: &[Tensor], key: &str, problem: &str) {
    let (actual, message) = refusal(tensors, &[]);
    assert_eq!(actual, key, "{message}");
    assert!(message.contains(problem), "{message}");
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let module = "lora_unet_down_blocks_1_attentions_0_proj_in";
    let [down, up] = [
        tensor(format!("{module}.lora_down.weight"), &[RANK, 48]),
        tensor(format!("{module}.lora_up.weight"), &[48, RANK]),
    ];
    let with = |more: Tensor| [down.clone(), up.clone(), more];
    refuses(std::slice::from_ref(&down), module, "no up matrix");
    refuses(std::slice::from_ref(&up), module, "no down matrix");
    let empty = Lora::parse("fox", b"\x02\0\0\0\0\0\0\0{}".to_vec());
    assert!(empty.unwrap_err().to_string().contains("nothing in it"));
    for (ending, kind) in [
        ("hada_w1_a", "LoHa"),
        ("lokr_w1", "LoKr"),
        ("dora_scale", "DoRA"),
        ("lora_mid.weight", "LoCon"),
    ] {
        let key = format!("{module}.{ending}");
        refuses(&with(tensor(&key, &[RANK, 4])), &key, kind);
    }
    refuses(
        &with(tensor("conv_in.weight", &[RANK, 4])),
        "conv_in.weight",
        "not a LoRA's tensor",
    );
    let alpha = format!("{module}.alpha");
    refuses(&with(tensor(&alpha, &[2])), module, "alpha");

    let mut wrong = tensor(format!("{module}.lora_up.weight"), &[48, RANK + 1]);
    refuses(&[down.clone(), wrong.clone()], module, "unlike rank");
    wrong = tensor(format!("{module}.lora_up.weight"), &[64, RANK]);
    refuses(&[down.clone(), wrong], module, "for a layer of [48, 48]");
    let mut infinite = up.clone();
    infinite.values[3] = f32::INFINITY;
    refuses(&[down.clone(), infinite], &up.name, "not finite");
    let elsewhere = pair(
        "lora_unet_mid.lora_down.weight",
        "lora_unet_mid.lora_up.weight",
    );
    refuses(&elsewhere, "lora_unet_mid", "does not have");
    let twice = [
        &pair("unet.conv.lora_A.weight", "unet.conv.lora_B.weight")[..],
        &pair("unet.conv.lora_down.weight", "unet.conv.lora_up.weight")[..],
    ];
    refuses(&twice.concat(), "unet.conv.lora_down.weight", "two names");
    // Not a layer but a table.
    let table = "text_encoder.text_model.embeddings.token_embedding";
    let tables = [
        tensor(format!("{table}.lora_A.weight"), &[RANK, 32]),
        tensor(format!("{table}.lora_B.weight"), &[50, RANK]),
    ];
    refuses(&tables, table, "does not have");
}

#[test]
fn a_lora_of_another_model_is_said_to_be_one() {
    let elsewhere = pair("lora_te_x.lora_down.weight", "lora_te_x.lora_up.weight");
    let (_, message) = refusal(&elsewhere, &[("ss_base_model_version", "sd_v1")]);
    assert!(
        message.contains("made for sd_v1, not for SDXL"),
        "{message}"
    );
    let (_, message) = refusal(&elsewhere, &[]);
    assert!(message.contains("one text encoder"), "{message}");
}

/// Convolutions of every kind (plain, 1x1, halving, upsampling) and a linear layer.
const LAYERS: [&str; 6] = [
    "conv_in",
    "down_blocks.0.resnets.0.conv1",
    "down_blocks.0.downsamplers.0.conv",
    "up_blocks.0.resnets.0.conv_shortcut",
    "up_blocks.0.upsamplers.0.conv",
    QUERY,
];

/// Their LoRA in kohya's form.
fn convolutional(model: &TinyModel) -> Vec<Tensor> {
    let tensors = &model.tensors[&ComponentName::Unet];
    let pair = |layer: &str| {
        let name = format!("{layer}.weight");
        let shape = &tensors.iter().find(|t| t.name == name).unwrap().shape;
        let (mut down, mut up) = (shape.clone(), shape.clone());
        down[0] = RANK;
        up[1] = RANK;
        up[2..].fill(1);
        let module = format!("lora_unet_{}", layer.replace('.', "_"));
        [
            tensor(format!("{module}.lora_down.weight"), &down),
            tensor(format!("{module}.lora_up.weight"), &up),
            Tensor {
                name: format!("{module}.alpha"),
                shape: vec![],
                values: vec![ALPHA],
            },
        ]
    };
    LAYERS.iter().flat_map(|layer| pair(layer)).collect()
}

/// `W + weight * alpha / rank * up · down`.
fn merge(model: &mut TinyModel, lora: &[Tensor], weight: f32) {
    for (layer, parts) in LAYERS.iter().zip(lora.chunks(3)) {
        let (down, up) = (&parts[0], &parts[1]);
        let tensor = model.tensor_mut(ComponentName::Unet, &format!("{layer}.weight"));
        let columns = tensor.values.len() / tensor.shape[0];
        for (i, value) in tensor.values.iter_mut().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let product =
                (0..RANK).map(|r| up.values[row * RANK + r] * down.values[r * columns + column]);
            *value += weight * ALPHA / RANK as f32 * product.sum::<f32>();
        }
    }
}

/// The noise that a packed model's UNet finds.
fn noise(folder: &Path, adapters: &Adapters<'_>) -> Vec<f32> {
    let (device, name) = (Device::flex(), ComponentName::Unet);
    let (source, manifest) = FolderSource::open(folder).unwrap();
    let component = manifest.component(name).unwrap();
    let config: UNetConfig = serde_json::from_value(component.config.clone()).unwrap();
    let weights = Weights::load(
        &source,
        name,
        component,
        &device,
        adapters,
        |_| true,
        |_| Ok(()),
    );
    let unet = pollster::block_on(weights)
        .unwrap()
        .build(|weights| config.init(weights))
        .unwrap();
    let normal = |seed, shape: &[usize]| {
        let values = Generator::new(seed).normal(shape.iter().product());
        TensorData::new(values, shape.to_vec())
    };
    let pooled = config.projection_class_embeddings_input_dim - config.addition_time_embed_dim;
    let pooled = DeviceTensor::from_data(normal(1, &[1, pooled]), &device);
    let added = unet.embed_added(pooled, &[vec![7.0]], &device);
    let context = DeviceTensor::from_data(normal(2, &[1, 5, config.cross_attention_dim]), &device);
    let x = DeviceTensor::from_data(normal(3, &[1, 6, 4, config.in_channels]), &device);
    let context = unet.context(&context);
    let noise = unet.forward(x, 500.0, &context, &added);
    let noise = pollster::block_on(noise).unwrap();
    noise.into_data().try_into_vec().unwrap()
}

fn used(lora: &FittedLora, weights: &[f64]) -> Adapters<'static> {
    let lora: &'static FittedLora = Box::leak(Box::new(lora.clone()));
    let mut adapters = Adapters::default();
    weights
        .iter()
        .for_each(|&weight| adapters.add(lora, weight));
    adapters
}

fn relative_rms(actual: &[f32], expected: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v).powi(2);
    let off: f64 = actual
        .iter()
        .zip(expected)
        .map(|(a, b)| square(a - b))
        .sum();
    (off / expected.iter().copied().map(square).sum::<f64>()).sqrt()
}

#[test]
fn loras_of_convolutions_beside_the_weights_are_those_merged_into_them() {
    let (from, out, merged) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let mut model = TinyModel::base();
    model.soften(ComponentName::Unet);
    let checkpoint = model.write_folder(from.path());
    run(&options(&checkpoint, out.path(), Encoding::F32)).unwrap();
    let tensors = convolutional(&model);
    merge(&mut model, &tensors, 0.7);
    let checkpoint = model.write_folder(from.path());
    run(&options(&checkpoint, merged.path(), Encoding::F32)).unwrap();

    let lora = Lora::parse("conv", file(&tensors)).unwrap();
    let lora = lora.fit(&manifest(out.path())).unwrap();
    let expected = noise(merged.path(), &Adapters::default());
    let plain = noise(out.path(), &Adapters::default());
    assert!(
        relative_rms(&plain, &expected) > 1e-2,
        "the LoRA does something"
    );
    for weights in [&[0.7][..], &[0.35, 0.35], &[0.9, 0.0, -0.2]] {
        let off = relative_rms(&noise(out.path(), &used(&lora, weights)), &expected);
        assert!(off < 1e-5, "{weights:?}: {off:e}");
    }
    assert_eq!(noise(out.path(), &used(&lora, &[0.0])), plain);
}

#[test]
fn beside_quantized_weights_only_the_addition_is_new() {
    let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
    let model = TinyModel::base();
    let checkpoint = model.write_folder(from.path());
    run(&options(&checkpoint, out.path(), Encoding::Q8)).unwrap();
    let lora = Lora::parse("conv", file(&convolutional(&model))).unwrap();
    let lora = lora.fit(&manifest(out.path())).unwrap();

    let words = |adapters: &Adapters<'_>| {
        let (source, manifest) = FolderSource::open(out.path()).unwrap();
        let component = manifest.component(ComponentName::Unet).unwrap();
        let (name, device) = (ComponentName::Unet, Device::flex());
        let only = |tensor: &str| tensor == format!("{QUERY}.weight");
        let weights = Weights::load(
            &source,
            name,
            component,
            &device,
            adapters,
            only,
            |_| Ok(()),
        );
        let (weight, adapter) = pollster::block_on(weights)
            .unwrap()
            .build(|scope| {
                let (weight, adapter) = scope.adapted(&format!("{QUERY}.weight"), &[48, 48])?;
                Ok((weight, adapter.is_some()))
            })
            .map(|resident| (resident.0.words.clone(), resident.1))
            .unwrap();
        (weight.into_data().try_into_vec::<u32>().unwrap(), adapter)
    };
    let (plain, adapted) = (words(&Adapters::default()), words(&used(&lora, &[0.8])));
    assert_eq!((plain.1, adapted.1), (false, true));
    assert!(plain.0 == adapted.0, "the weights are the same bits");
}
