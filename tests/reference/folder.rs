//! Opens a reference set on disk: the committed one, whose models are packed already, or what make_reference.py wrote,
//! whose models are packed here as f32, from the folder and, where there is one, from the single file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sdxl_web::weights::Encoding;
use sdxl_web::weights::folder::FolderSource;
use sdxl_web::weights::pack::{Options, pack};
use sdxl_web::weights::recipe::Variant;
use sdxl_web::weights::source::ShardSource;

use crate::cases::set::{Packed, Set, Shards};

const MODELS: [&str; 2] = ["base", "refiner"];

/// The sets in a folder, each with the layout that its models were read from.
pub fn open(folder: Option<&Path>) -> Vec<(&'static str, Set)> {
    let Some(folder) = folder else {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("tests/fixtures/reference");
        let demo = read(&root.join("www/models/demo/base"));
        let [mut base, refiner] = MODELS.map(|model| read(&folder.join(model)));
        base.take_tokenizers(&demo);
        return vec![("packed", set(&folder, base, refiner))];
    };
    let [base, refiner] = MODELS.map(|model| {
        let checkpoint = folder.join(format!("tiny-{model}"));
        packed(&checkpoint, None)
    });
    let mut sets = vec![("diffusers folder", set(folder, base, refiner))];
    let single = MODELS.map(|model| find_single_file(folder, model));
    if let [Some(base), Some(refiner)] = single {
        let [base, refiner] = [(base, "tiny-base"), (refiner, "tiny-refiner")]
            .map(|(file, configs)| packed(&file, Some(folder.join(configs))));
        sets.push(("single file", set(folder, base, refiner)));
    }
    sets
}

fn set(folder: &Path, base: Packed, refiner: Packed) -> Set {
    let folder = folder.to_owned();
    Set {
        files: Box::new(move |name| fs::read(folder.join(name)).ok()),
        base,
        refiner,
    }
}

/// `make_tensors.py --singles` calls them tiny_base_singlefile.safetensors and tiny_refiner_singlefile.safetensors.
fn find_single_file(folder: &Path, model: &str) -> Option<PathBuf> {
    let name = format!("tiny_{model}_singlefile.safetensors");
    let mut folders = vec![folder.to_owned()];
    let below = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    folders.extend(below.filter(|path| path.is_dir()));
    folders
        .iter()
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

fn packed(checkpoint: &Path, configs: Option<PathBuf>) -> Packed {
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoint: checkpoint.to_owned(),
        out: out.path().to_owned(),
        kind: None,
        name: None,
        scheme: Encoding::F32,
        variant: Variant::Full,
        components: None,
        configs,
        tokenizer: None,
        vae: None,
        text_encoders: None,
    };
    if let Err(error) = pack(&options, &mut |_| ()) {
        panic!("{}: {error}", checkpoint.display());
    }
    read(out.path())
}

fn read(folder: &Path) -> Packed {
    let (source, manifest) = FolderSource::open(folder).unwrap();
    let shards: BTreeMap<_, _> = manifest
        .shards()
        .into_iter()
        .map(|shard| {
            (
                shard.file.clone(),
                pollster::block_on(source.read(shard)).unwrap(),
            )
        })
        .collect();
    let shards = Shards(Rc::new(shards));
    Packed { manifest, shards }
}
