//! Checkpoints that are sound files, but not of the model their configs describe.

use std::fs;

use safetensors::Dtype;
use sdxl_web::Error;
use sdxl_web::error::{TensorFault, TensorProblem};
use sdxl_web::weights::pack::Options;
use sdxl_web::weights::{ComponentName, Encoding};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::tiny_model::{TinyModel, options, run, weight_file, write_safetensors};

/// The refusal of a base model after a change to it.
fn refusal(scheme: Encoding, change: impl FnOnce(&mut TinyModel)) -> Error {
    let (mut model, from, out) = (TinyModel::base(), tempdir().unwrap(), tempdir().unwrap());
    change(&mut model);
    run(&options(
        &model.write_folder(from.path()),
        out.path(),
        scheme,
    ))
    .unwrap_err()
}

const NAME: &str = "mid_block.resnets.1.conv1.weight";

/// What is wrong with the tensors of a base model after a change to it.
fn problems(change: impl FnOnce(&mut TinyModel)) -> Vec<TensorProblem> {
    match refusal(Encoding::Q8, change) {
        Error::WrongTensors { problems } => problems,
        other => panic!("{other}"),
    }
}

fn problem(component: ComponentName, tensor: &str, fault: TensorFault) -> TensorProblem {
    TensorProblem {
        component: component.to_string(),
        tensor: tensor.into(),
        fault,
    }
}

#[test]
fn every_tensor_that_is_missing_too_many_or_of_another_shape_is_named() {
    let surplus = crate::tiny_model::Tensor {
        name: "surplus".into(),
        shape: vec![1],
        values: vec![0.0],
    };
    let found = problems(|model| {
        let unet = model.tensors.get_mut(&ComponentName::Unet).unwrap();
        unet.retain(|tensor| tensor.name != "conv_in.bias");
        model.tensor_mut(ComponentName::Unet, NAME).shape.swap(0, 3);
        let vae = model.tensors.get_mut(&ComponentName::Vae).unwrap();
        vae.push(surplus);
    });
    let shape = TensorFault::Shape {
        expected: vec![48, 48, 3, 3],
        actual: vec![3, 48, 3, 48],
    };
    assert_eq!(
        found,
        [
            problem(ComponentName::Unet, "conv_in.bias", TensorFault::Missing),
            problem(ComponentName::Unet, NAME, shape),
            problem(ComponentName::Vae, "surplus", TensorFault::Unexpected),
        ]
    );
}

#[test]
fn of_many_wrong_tensors_the_first_are_named_and_the_rest_counted() {
    let message = refusal(Encoding::Q8, |model| {
        let unet = model.tensors.get_mut(&ComponentName::Unet).unwrap();
        unet.retain(|tensor| !tensor.name.starts_with("up_blocks.0.resnets.0"));
    })
    .to_string();
    assert!(
        message.contains("up_blocks.0.resnets.0.norm1.weight"),
        "{message}"
    );
    assert!(message.contains("and 4 more"), "{message}");
}

#[test]
fn numbers_that_are_not_finite_are_named() {
    for wrong in [f32::NAN, f32::INFINITY] {
        let error = refusal(Encoding::Q8, |model| {
            model.tensor_mut(ComponentName::Unet, NAME).values[7] = wrong
        });
        let Error::BadCheckpoint {
            file,
            tensor,
            problem,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert!(
            file.contains("unet") && problem.contains("value 7"),
            "{error}"
        );
        assert_eq!(tensor.as_deref(), Some(NAME));
    }
}

#[test]
fn numbers_too_large_for_the_encoding_are_named() {
    let error = refusal(Encoding::F16, |model| {
        model.tensor_mut(ComponentName::Unet, NAME).values[7] = 1e6
    });
    let Error::BadCheckpoint {
        tensor, problem, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert!(problem.contains("1000000 does not fit f16"), "{error}");
    assert_eq!(tensor.as_deref(), Some(NAME));
}

#[test]
fn weights_that_are_integers_are_refused() {
    let (model, from, out) = (TinyModel::base(), tempdir().unwrap(), tempdir().unwrap());
    let checkpoint = model.write_folder(from.path());
    let tensors = &model.tensors[&ComponentName::Vae];
    write_safetensors(
        &weight_file(&checkpoint, ComponentName::Vae),
        tensors,
        Dtype::I64,
    );
    let error = run(&options(&checkpoint, out.path(), Encoding::Q8)).unwrap_err();
    assert!(
        matches!(&error, Error::BadCheckpoint { tensor: Some(_), problem, .. } if problem.contains("f32, f16")),
        "{error}"
    );
}

/// The field that a changed UNet config is refused for.
#[track_caller]
fn bad_field(change: impl FnOnce(&mut Value)) -> String {
    let error = refusal(Encoding::Q8, |model| {
        change(model.configs.get_mut("unet/config.json").unwrap())
    });
    let Error::BadConfig {
        component, field, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(component, "unet");
    field
}

#[test]
fn configs_of_other_architectures_are_refused_by_field() {
    assert_eq!(
        bad_field(|config| config["use_linear_projection"] = json!(false)),
        "use_linear_projection"
    );
    assert_eq!(
        bad_field(|config| config["addition_embed_type"] = json!("text")),
        "addition_embed_type"
    );
    assert_eq!(
        bad_field(|config| config["mid_block_type"] = json!("UNetMidBlock2D")),
        "mid_block_type"
    );
    assert_eq!(
        bad_field(|config| config["down_block_types"] = json!(["DownBlock2D"])),
        "block_out_channels"
    );
    assert_eq!(
        bad_field(|config| config["up_block_types"][0] = json!("AttnUpBlock2D")),
        "up_block_types"
    );
    assert_eq!(
        bad_field(|config| config["block_out_channels"] = json!([])),
        "block_out_channels"
    );
    assert_eq!(
        bad_field(|config| config["in_channels"] = json!(0)),
        "config.json"
    );
    assert_eq!(bad_field(|config| *config = json!([])), "config.json");
}

#[test]
fn configs_that_claim_absurd_sizes_are_refused_before_they_are_believed() {
    assert_eq!(
        bad_field(|config| config["block_out_channels"][1] = json!(1u64 << 62)),
        "block_out_channels"
    );
    assert_eq!(
        bad_field(|config| config["layers_per_block"] = json!(1_000_000)),
        "layers_per_block"
    );
    assert_eq!(
        bad_field(|config| config["block_out_channels"] = json!(vec![8; 100_000])),
        "block_out_channels"
    );
}

#[test]
fn a_checkpoint_without_its_parts_is_refused_with_what_to_add() {
    let (model, from, out) = (TinyModel::base(), tempdir().unwrap(), tempdir().unwrap());
    let file = from.path().join("model.safetensors");
    model.write_single_file(&file);
    let error = run(&options(&file, out.path(), Encoding::Q8))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--configs"), "{error}");

    let configs = from.path().join("configs");
    model.write_configs(&configs);
    let options = Options {
        configs: Some(configs.clone()),
        ..options(&file, out.path(), Encoding::Q8)
    };
    let error = run(&options).unwrap_err().to_string();
    assert!(
        error.contains("vocab.json") && error.contains("--tokenizer"),
        "{error}"
    );

    fs::remove_dir_all(configs.join("vae")).unwrap();
    let error = run(&options).unwrap_err().to_string();
    assert!(error.contains("vae"), "{error}");
}

#[test]
fn a_split_checkpoint_may_not_lead_out_of_its_folder() {
    let (model, from, out) = (TinyModel::refiner(), tempdir().unwrap(), tempdir().unwrap());
    let checkpoint = model.write_folder(from.path());
    fs::remove_file(weight_file(&checkpoint, ComponentName::Unet)).unwrap();
    let index = json!({"weight_map": {"conv_in.weight": "../text_encoder_2/model.safetensors"}});
    fs::write(
        checkpoint.join("unet/diffusion_pytorch_model.safetensors.index.json"),
        index.to_string(),
    )
    .unwrap();
    let error = run(&options(&checkpoint, out.path(), Encoding::Q8))
        .unwrap_err()
        .to_string();
    assert!(error.contains("plain file name"), "{error}");
}
