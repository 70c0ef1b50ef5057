//! Packing a whole model and reading it back.

use std::fs;

use safetensors::Dtype;
use sdxl_web::Error;
use sdxl_web::weights::pack::Options;
use sdxl_web::weights::{ComponentName, Encoding, Kind};
use serde_json::json;
use tempfile::tempdir;

use crate::tiny_model::{
    MERGES, Tensor, TinyModel, VOCABULARY, contents, manifest, options, read_file, read_tensors,
    run, weight_file, write_safetensors, write_tokenizer,
};

/// What a packed tensor must hold: convolutions with the input channels last.
fn packed_layout(tensor: &Tensor) -> (Vec<f32>, Vec<usize>) {
    let &[out, input, height, width] = &tensor.shape[..] else {
        return (tensor.values.clone(), tensor.shape.clone());
    };
    let mut values = Vec::new();
    for o in 0..out {
        for y in 0..height {
            for x in 0..width {
                for i in 0..input {
                    values.push(tensor.values[((o * input + i) * height + y) * width + x]);
                }
            }
        }
    }
    (values, vec![out, height, width, input])
}

#[test]
fn f32_and_f16_packs_read_back_exactly() {
    for (model, scheme) in [
        (TinyModel::base(), Encoding::F32),
        (TinyModel::refiner(), Encoding::F16),
    ] {
        let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
        run(&options(
            &model.write_folder(from.path()),
            out.path(),
            scheme,
        ))
        .unwrap();
        let packed = manifest(out.path());
        assert_eq!(packed.kind, model.kind);
        for (component, tensors) in &model.tensors {
            let back = read_tensors(out.path(), *component).unwrap();
            assert_eq!(back.len(), tensors.len());
            for tensor in tensors {
                assert!(
                    back[&tensor.name] == packed_layout(tensor),
                    "{component}: {}",
                    tensor.name
                );
            }
        }
    }
}

#[test]
fn q8_and_q4_packs_keep_every_value_within_half_a_step() {
    let (model, from) = (TinyModel::base(), tempdir().unwrap());
    let checkpoint = model.write_folder(from.path());
    for (scheme, peak) in [(Encoding::Q8, 127.0), (Encoding::Q4, 7.0)] {
        let out = tempdir().unwrap();
        run(&options(&checkpoint, out.path(), scheme)).unwrap();
        let packed = manifest(out.path());
        for (component, tensors) in &model.tensors {
            let back = read_tensors(out.path(), *component).unwrap();
            for tensor in tensors {
                let entry = packed
                    .component(*component)
                    .unwrap()
                    .tensor(&tensor.name)
                    .unwrap();
                let (values, _) = packed_layout(tensor);
                // No value is above 2; a scale is rounded to 11 bits.
                let limit = if entry.encoding == scheme {
                    2.0 * (0.5 / peak * 1.001 + 1.0 / 2048.0)
                } else {
                    0.0
                };
                let pairs = values.iter().zip(&back[&tensor.name].0);
                let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(
                    worst <= limit,
                    "{component}: {} in {}: off by {worst}, limit {limit}",
                    tensor.name,
                    entry.encoding
                );
            }
        }
    }
}

#[test]
fn a_q8_pack_quantizes_wide_matrices_of_every_component_and_keeps_the_rest_in_f16() {
    let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
    run(&options(
        &TinyModel::base().write_folder(from.path()),
        out.path(),
        Encoding::Q8,
    ))
    .unwrap();
    let packed = manifest(out.path());
    let encoding = |component, name: &str| {
        packed
            .component(component)
            .unwrap()
            .tensor(name)
            .unwrap()
            .encoding
    };
    let attention = "down_blocks.1.attentions.0.transformer_blocks.0";
    for (component, name) in [
        (ComponentName::Unet, "down_blocks.0.resnets.0.conv1.weight"),
        (
            ComponentName::Unet,
            "up_blocks.1.resnets.0.conv_shortcut.weight",
        ),
        (ComponentName::Unet, "up_blocks.0.upsamplers.0.conv.weight"),
        (
            ComponentName::Unet,
            &format!("{attention}.attn2.to_k.weight"),
        ),
        (
            ComponentName::Unet,
            &format!("{attention}.ff.net.0.proj.weight"),
        ),
        (
            ComponentName::Vae,
            "decoder.mid_block.attentions.0.to_out.0.weight",
        ),
        (
            ComponentName::TextEncoder,
            "text_model.embeddings.token_embedding.weight",
        ),
        (ComponentName::TextEncoder2, "text_projection.weight"),
    ] {
        assert_eq!(
            encoding(component, name),
            Encoding::Q8,
            "{component}: {name}"
        );
    }
    for (component, name) in [
        (ComponentName::Unet, "conv_in.weight"),
        (ComponentName::Unet, "time_embedding.linear_2.weight"),
        (ComponentName::Unet, "add_embedding.linear_1.weight"),
        (ComponentName::Unet, &format!("{attention}.norm1.weight")),
        (
            ComponentName::Unet,
            &format!("{attention}.attn2.to_out.0.bias"),
        ),
        (ComponentName::Vae, "encoder.conv_out.weight"),
        (ComponentName::Vae, "post_quant_conv.weight"),
        (
            ComponentName::Vae,
            "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
        ),
        (
            ComponentName::TextEncoder,
            "text_model.embeddings.position_embedding.weight",
        ),
    ] {
        assert_eq!(
            encoding(component, name),
            Encoding::F16,
            "{component}: {name}"
        );
    }
}

#[test]
fn a_single_file_packs_to_the_same_bytes_as_the_folder() {
    for model in [TinyModel::base(), TinyModel::refiner()] {
        let (from, single, by_folder, by_file) = (
            tempdir().unwrap(),
            tempdir().unwrap(),
            tempdir().unwrap(),
            tempdir().unwrap(),
        );
        run(&options(
            &model.write_folder(from.path()),
            by_folder.path(),
            Encoding::Q8,
        ))
        .unwrap();

        let (file, configs, words) = (
            single.path().join("model.safetensors"),
            single.path().join("configs"),
            single.path().join("words"),
        );
        model.write_single_file(&file);
        model.write_configs(&configs);
        write_tokenizer(&words);
        let options = Options {
            configs: Some(configs),
            tokenizer: Some(words),
            ..options(&file, by_file.path(), Encoding::Q8)
        };
        let report = run(&options).unwrap();
        let unneeded: &[&str] = if model.kind == Kind::Base {
            &["conditioner.embedders.1.model.logit_scale"]
        } else {
            &[]
        };
        assert_eq!(report.unused, unneeded);
        assert!(
            contents(by_folder.path()) == contents(by_file.path()),
            "{:?}",
            model.kind
        );
    }
}

#[test]
fn the_same_model_gives_the_same_bytes_again() {
    let (from, first, second) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let checkpoint = TinyModel::base().write_folder(from.path());
    for out in [&first, &second, &second] {
        run(&options(&checkpoint, out.path(), Encoding::Q8)).unwrap();
    }
    assert!(contents(first.path()) == contents(second.path()));
}

#[test]
fn both_tokenizers_are_packed_and_share_one_shard() {
    let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
    run(&options(
        &TinyModel::base().write_folder(from.path()),
        out.path(),
        Encoding::Q8,
    ))
    .unwrap();
    let packed = manifest(out.path());
    let [first, second] = [ComponentName::Tokenizer, ComponentName::Tokenizer2].map(|name| {
        assert_eq!(
            read_file(out.path(), name, "vocab.json").unwrap(),
            VOCABULARY
        );
        assert_eq!(read_file(out.path(), name, "merges.txt").unwrap(), MERGES);
        packed.component(name).unwrap()
    });
    assert_eq!(first.shards, second.shards);
    assert_eq!(second.config["tokenizer_config"]["pad_token"], "!");
    assert_eq!(second.config["special_tokens_map"]["pad_token"], "!");
}

#[test]
fn configs_and_scalar_pipeline_fields_go_into_the_manifest() {
    let (model, from, out) = (TinyModel::base(), tempdir().unwrap(), tempdir().unwrap());
    run(&options(
        &model.write_folder(from.path()),
        out.path(),
        Encoding::Q8,
    ))
    .unwrap();
    let packed = manifest(out.path());
    assert_eq!(packed.pipeline["force_zeros_for_empty_prompt"], true);
    assert!(!packed.pipeline.contains_key("text_encoder"));
    let scheduler = packed.component(ComponentName::Scheduler).unwrap();
    assert_eq!(scheduler.config["timestep_spacing"], "leading");
    assert_eq!(
        packed.component(ComponentName::Unet).unwrap().config,
        model.configs["unet/config.json"]
    );
}

#[test]
fn reads_half_precision_bfloat_and_split_checkpoints() {
    let model = TinyModel::refiner();
    let unet = &model.tensors[&ComponentName::Unet];
    let (half_name, index_name) = (
        "diffusion_pytorch_model.fp16.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
    );
    let (first, last) = (&unet[0], &unet[unet.len() - 1]);
    let check = |write: &dyn Fn(&std::path::Path), exact: bool| {
        let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
        let checkpoint = model.write_folder(from.path());
        fs::remove_file(weight_file(&checkpoint, ComponentName::Unet)).unwrap();
        write(&checkpoint.join("unet"));
        run(&options(&checkpoint, out.path(), Encoding::F32)).unwrap();
        let unet_back = read_tensors(out.path(), ComponentName::Unet).unwrap();
        for tensor in [first, last] {
            let (back, (values, _)) = (&unet_back[&tensor.name].0, packed_layout(tensor));
            let near =
                |(a, b): (&f32, &f32)| (a - b).abs() <= if exact { 0.0 } else { a.abs() / 256.0 };
            assert!(values.iter().zip(back).all(near), "{}", tensor.name);
        }
    };
    check(
        &|folder| write_safetensors(&folder.join(half_name), unet, Dtype::F16),
        true,
    );
    check(
        &|folder| {
            write_safetensors(
                &folder.join("diffusion_pytorch_model.safetensors"),
                unet,
                Dtype::BF16,
            )
        },
        false,
    );
    check(
        &|folder| {
            let (one, two) = unet.split_at(unet.len() / 2);
            write_safetensors(&folder.join("part-1.safetensors"), one, Dtype::F32);
            write_safetensors(&folder.join("part-2.safetensors"), two, Dtype::F32);
            let file = |tensors: &[Tensor], file: &str| -> Vec<(String, String)> {
                tensors
                    .iter()
                    .map(|tensor| (tensor.name.clone(), file.to_owned()))
                    .collect()
            };
            let map: serde_json::Map<_, _> = [
                file(one, "part-1.safetensors"),
                file(two, "part-2.safetensors"),
            ]
            .concat()
            .into_iter()
            .map(|(name, file)| (name, file.into()))
            .collect();
            fs::write(
                folder.join(index_name),
                json!({"metadata": {}, "weight_map": map}).to_string(),
            )
            .unwrap();
        },
        true,
    );
}

#[test]
fn prefers_full_precision_where_both_are_there() {
    let (model, from, out) = (TinyModel::refiner(), tempdir().unwrap(), tempdir().unwrap());
    let checkpoint = model.write_folder(from.path());
    fs::write(
        checkpoint.join("unet/diffusion_pytorch_model.fp16.safetensors"),
        "not read",
    )
    .unwrap();
    run(&options(&checkpoint, out.path(), Encoding::F16)).unwrap();
}

#[test]
fn drops_position_ids() {
    let (mut model, from, out) = (TinyModel::base(), tempdir().unwrap(), tempdir().unwrap());
    let checkpoint = model.write_folder(from.path());
    let tensors = model.tensors.get_mut(&ComponentName::TextEncoder).unwrap();
    let name = "text_model.embeddings.position_ids".to_owned();
    tensors.push(Tensor {
        name: name.clone(),
        shape: vec![1, 2],
        values: vec![0.0, 1.0],
    });
    write_safetensors(
        &weight_file(&checkpoint, ComponentName::TextEncoder),
        tensors,
        Dtype::F32,
    );
    run(&options(&checkpoint, out.path(), Encoding::F16)).unwrap();
    assert!(
        manifest(out.path())
            .component(ComponentName::TextEncoder)
            .unwrap()
            .tensor(&name)
            .is_none()
    );
}

#[test]
fn packs_only_the_components_asked_for() {
    let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
    let checkpoint = TinyModel::base().write_folder(from.path());
    let only = vec![ComponentName::Vae, ComponentName::Scheduler];
    run(&Options {
        components: Some(only),
        ..options(&checkpoint, out.path(), Encoding::Q8)
    })
    .unwrap();
    let packed = manifest(out.path());
    assert_eq!(
        packed.components.keys().copied().collect::<Vec<_>>(),
        [ComponentName::Scheduler, ComponentName::Vae]
    );
    let error = packed.component(ComponentName::Unet).unwrap_err();
    assert!(
        matches!(&error, Error::BadManifest { place, .. } if place == "unet"),
        "{error}"
    );
}

#[test]
fn packing_again_replaces_the_model_and_removes_shards_that_are_no_longer_named() {
    let (from, out) = (tempdir().unwrap(), tempdir().unwrap());
    let checkpoint = TinyModel::base().write_folder(from.path());
    run(&options(&checkpoint, out.path(), Encoding::Q8)).unwrap();
    fs::write(out.path().join("notes.txt"), "mine").unwrap();
    let only = vec![ComponentName::Vae];
    run(&Options {
        components: Some(only),
        ..options(&checkpoint, out.path(), Encoding::F16)
    })
    .unwrap();
    assert_eq!(
        contents(out.path()).into_keys().collect::<Vec<_>>(),
        ["manifest.json", "notes.txt", "vae-000.bin"]
    );
}

#[test]
fn a_failed_pack_leaves_the_model_that_was_there_untouched() {
    let (mut model, from, out) = (TinyModel::base(), tempdir().unwrap(), tempdir().unwrap());
    run(&options(
        &model.write_folder(from.path()),
        out.path(),
        Encoding::Q8,
    ))
    .unwrap();
    let before = contents(out.path());
    model
        .tensor_mut(ComponentName::Vae, "decoder.conv_out.bias")
        .values[1] = f32::NAN;
    let error = run(&options(
        &model.write_folder(from.path()),
        out.path(),
        Encoding::Q4,
    ))
    .unwrap_err();
    assert!(
        matches!(&error, Error::BadCheckpoint { tensor: Some(t), .. } if t == "decoder.conv_out.bias"),
        "{error}"
    );
    assert!(contents(out.path()) == before);
}
