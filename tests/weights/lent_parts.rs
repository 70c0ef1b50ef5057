//! Community checkpoints: single files without an autoencoder or text encoders, which other models lend.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use sdxl_web::weights::names::single_file_map;
use sdxl_web::weights::pack::Options;
use sdxl_web::weights::{ComponentName, Encoding, Kind};
use tempfile::{TempDir, tempdir};

use crate::tiny_model::{
    Tensor, TinyModel, contents, options, run, weight_file, write_safetensors, write_tokenizer,
};

const ENCODERS: [ComponentName; 2] = [ComponentName::TextEncoder, ComponentName::TextEncoder2];

/// A fine-tune without some components, the published model beside it, and what packing them should give.
struct Case {
    folder: TempDir,
    file: PathBuf,
    published: PathBuf,
}

impl Case {
    fn without(components: &[ComponentName]) -> Self {
        let folder = tempdir().unwrap();
        let (file, published) = (
            folder.path().join("tune.safetensors"),
            folder.path().join("xl"),
        );
        let mut model = TinyModel::base();
        model.write_folder(&published);
        model.write_configs(&folder.path().join("configs"));
        write_tokenizer(&folder.path().join("words"));
        model.tensors.retain(|name, _| !components.contains(name));
        model.write_single_file(&file);
        Self {
            folder,
            file,
            published,
        }
    }

    fn options(&self, out: &Path) -> Options {
        Options {
            configs: Some(self.folder.path().join("configs")),
            tokenizer: Some(self.folder.path().join("words")),
            ..options(&self.file, out, Encoding::Q8)
        }
    }

    /// Packing with these options gives the same bytes as packing the whole model.
    fn packs(&self, change: impl FnOnce(&mut Options)) {
        let (out, whole) = (tempdir().unwrap(), tempdir().unwrap());
        let mut options = self.options(out.path());
        change(&mut options);
        run(&options).unwrap();
        run(&Options {
            checkpoint: self.published.clone(),
            ..self.options(whole.path())
        })
        .unwrap();
        assert!(contents(out.path()) == contents(whole.path()));
    }
}

/// The autoencoder alone in the names of single files, as `sdxl_vae.safetensors` has them.
fn write_bare_vae(file: &Path) {
    let model = TinyModel::base();
    let config = &model.configs["vae/config.json"];
    let map = single_file_map(Kind::Base, ComponentName::Vae, config).unwrap();
    let tensors = model.tensors[&ComponentName::Vae].iter().zip(map);
    let bare = |(tensor, (_, origin)): (&Tensor, (_, sdxl_web::weights::names::Origin))| Tensor {
        name: origin.name.replace("first_stage_model.", ""),
        shape: origin.shape,
        values: tensor.values.clone(),
    };
    write_safetensors(file, &tensors.map(bare).collect::<Vec<_>>(), Dtype::F32);
}

#[test]
fn an_autoencoder_is_taken_from_a_model_a_folder_or_a_file_of_its_own() {
    let case = Case::without(&[ComponentName::Vae]);
    let bare = case.folder.path().join("vae.safetensors");
    write_bare_vae(&bare);
    let whole = Case::without(&[]);
    for from in [
        case.published.clone(),
        case.published.join("vae"),
        bare,
        whole.file.clone(),
    ] {
        case.packs(|options| options.vae = Some(from));
    }
}

#[test]
fn text_encoders_are_taken_from_another_model() {
    let case = Case::without(&ENCODERS);
    let published = case.published.clone();
    case.packs(|options| options.text_encoders = Some(published));
}

#[test]
fn a_component_that_is_not_there_is_named_with_the_way_to_give_it() {
    for (without, name, flag) in [
        (&[ComponentName::Vae][..], "vae", "--vae"),
        (&ENCODERS, "text_encoder", "--text-encoders"),
        (
            &[ComponentName::TextEncoder2],
            "text_encoder_2",
            "--text-encoders",
        ),
    ] {
        let (case, out) = (Case::without(without), tempdir().unwrap());
        let message = run(&case.options(out.path())).unwrap_err().to_string();
        let wanted = format!("it has no {name}: name a");
        assert!(
            message.contains(&wanted) && message.contains(flag),
            "{message}"
        );
        assert!(message.contains("tune.safetensors"), "{message}");
    }
    let (case, out) = (Case::without(&[]), tempdir().unwrap());
    fs::remove_file(weight_file(&case.published, ComponentName::Vae)).unwrap();
    let options = options(&case.published, out.path(), Encoding::Q8);
    let message = run(&options).unwrap_err().to_string();
    assert!(message.contains("--vae"), "{message}");
}
