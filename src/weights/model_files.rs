//! A published model on disk: a diffusers folder, or a single file with the configs beside it. Both give the same tensors.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::checkpoint::Checkpoint;
use super::component_weights::ComponentWeights;
use super::inventory::{Spec, tensors_of};
use super::manifest::{ComponentName, Kind};
use super::names::{Origin, VAE, kind_of_single_file, single_file_map};
use super::validate::check_file_name;
use crate::error::{TensorFault, TensorProblem};
use crate::{Error, Result};

/// The files of a tokenizer that are packed.
pub const TOKENIZER_FILES: [&str; 2] = ["vocab.json", "merges.txt"];
/// Which of a component's files to read, best first: f32 before f16, whole before split.
const WEIGHT_FILES: [&str; 5] = [
    "{}.safetensors",
    "{}.safetensors.index.json",
    "{}.fp16.safetensors",
    "{}.safetensors.index.fp16.json",
    "{}.fp16.safetensors.index.json",
];

/// A published model, opened.
#[derive(Debug)]
pub struct ModelFiles {
    path: PathBuf,
    /// Whether the folder is that of a component rather than of a model.
    is_component: bool,
    /// Where configs are looked for, in order.
    config_folders: Vec<PathBuf>,
    single: Option<Rc<Checkpoint>>,
    used: RefCell<BTreeSet<String>>,
    kind: Kind,
    pipeline: Map<String, Value>,
}

impl ModelFiles {
    /// Opens a diffusers folder, or a single safetensors file with its configs in another folder.
    pub fn open(path: &Path, configs: Option<&Path>, kind: Option<Kind>) -> Result<Self> {
        let mut config_folders: Vec<PathBuf> = configs.map(Into::into).into_iter().collect();
        let single = if path.is_dir() {
            config_folders.push(path.to_owned());
            None
        } else {
            Some(Rc::new(Checkpoint::open(&[path.to_owned()])?))
        };
        if config_folders.is_empty() {
            return Err(bad(
                path,
                "a single file has no configs: name a folder that has them (--configs)",
            ));
        }
        let mut files = Self {
            path: path.to_owned(),
            is_component: false,
            config_folders,
            single,
            used: RefCell::default(),
            kind: Kind::Base,
            pipeline: Map::new(),
        };
        let Some(Value::Object(index)) = files.json("model_index.json")? else {
            return Err(bad(path, "there is no model_index.json with the configs"));
        };
        let found = match &files.single {
            Some(single) if has_text_encoder(single) => kind_of_single_file(single.names()),
            _ => Some(kind_of_folder(&index)),
        };
        let unknown = || {
            bad(
                path,
                "it is neither SDXL's base nor its refiner by its names: say which (--kind)",
            )
        };
        files.kind = kind.or(found).ok_or_else(unknown)?;
        files.pipeline = index
            .into_iter()
            .filter(|(_, v)| !v.is_array() && !v.is_object())
            .collect();
        Ok(files)
    }

    /// Opens what only lends components to a model of this kind: another model, a component's folder, or a single file that
    /// may hold nothing but an autoencoder.
    pub fn open_part(path: &Path, configs: Option<&Path>, kind: Kind) -> Result<Self> {
        let (mut config_folders, mut single) = (Vec::new(), None);
        if path.is_dir() {
            config_folders.push(path.to_owned());
        } else {
            single = Some(Rc::new(Checkpoint::open(&[path.to_owned()])?));
        }
        config_folders.extend(configs.map(Into::into));
        Ok(Self {
            path: path.to_owned(),
            is_component: path.join("config.json").is_file(),
            config_folders,
            single,
            used: RefCell::default(),
            kind,
            pipeline: Map::new(),
        })
    }

    /// The folder or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Base or refiner.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The scalar fields of `model_index.json`.
    pub fn pipeline(&self) -> &Map<String, Value> {
        &self.pipeline
    }

    /// A component's config as it goes into the manifest, or `None` where the model has no such component.
    pub fn config(&self, component: ComponentName) -> Result<Option<Value>> {
        match component {
            ComponentName::Scheduler => self.json("scheduler/scheduler_config.json"),
            ComponentName::Tokenizer | ComponentName::Tokenizer2 => {
                let Some(settings) = self.json(&format!("{component}/tokenizer_config.json"))?
                else {
                    return Ok(None);
                };
                let mut config = Map::from_iter([("tokenizer_config".to_owned(), settings)]);
                if let Some(tokens) = self.json(&format!("{component}/special_tokens_map.json"))? {
                    config.insert("special_tokens_map".into(), tokens);
                }
                Ok(Some(config.into()))
            }
            _ if self.is_component => self.json("config.json"),
            _ => self.json(&format!("{component}/config.json")),
        }
    }

    /// A file of a tokenizer. Published folders of the second tokenizer may lack them, as both share one vocabulary.
    pub fn tokenizer_file(
        &self,
        component: ComponentName,
        file: &str,
        fallback: Option<&Path>,
    ) -> Result<Vec<u8>> {
        let of = |name: ComponentName| {
            self.config_folders
                .iter()
                .map(move |folder| folder.join(name.as_str()))
        };
        let folders = of(component)
            .chain(fallback.map(Into::into))
            .chain(of(ComponentName::Tokenizer));
        match folders
            .map(|folder| folder.join(file))
            .find(|path| path.is_file())
        {
            Some(path) => read(&path),
            None => Err(bad(
                &self.path,
                format!(
                    "{component} has no {file}: name a folder that has it (--tokenizer), or leave {component} out (--components)"
                ),
            )),
        }
    }

    /// Finds a component's weights, and adds to `problems` what in names and shapes is not as its config says. `None` where
    /// a single file has nothing of the component.
    pub fn weights(
        &self,
        component: ComponentName,
        config: &Value,
        problems: &mut Vec<TensorProblem>,
    ) -> Result<Option<ComponentWeights>> {
        let mut report = |tensor: &str, fault: TensorFault| {
            problems.push(TensorProblem {
                component: component.to_string(),
                tensor: tensor.to_owned(),
                fault,
            });
        };
        let (checkpoint, tensors) = match &self.single {
            Some(single) => {
                let map = single_file_map(self.kind, component, config)?;
                match in_file(single, map) {
                    Some(tensors) => (Rc::clone(single), tensors),
                    None => return Ok(None),
                }
            }
            None => {
                let specs = tensors_of(component, config)?;
                let checkpoint = self.open_folder(component)?;
                for name in unexpected(&checkpoint, &specs) {
                    report(name, TensorFault::Unexpected);
                }
                let in_place = |spec: Spec| (spec.clone(), Origin::in_place(spec));
                let tensors = specs.into_iter().map(in_place).collect();
                (Rc::new(checkpoint), tensors)
            }
        };
        for (_, origin) in &tensors {
            match checkpoint.info(&origin.name) {
                None => report(&origin.name, TensorFault::Missing),
                Some(info) if info.shape != origin.shape => {
                    let (expected, actual) = (origin.shape.clone(), info.shape.clone());
                    report(&origin.name, TensorFault::Shape { expected, actual });
                }
                Some(_) => {
                    self.used.borrow_mut().insert(origin.name.clone());
                }
            }
        }
        Ok(Some(ComponentWeights {
            component,
            checkpoint,
            tensors,
        }))
    }

    /// Tensors of a single file that no component asked for so far. Published files have a few that nothing needs;
    /// a folder's are refused in [`ModelFiles::weights`] instead.
    pub fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        let names = self.single.iter().flat_map(|single| single.names());
        names
            .filter(|name| !used.contains(*name))
            .map(Into::into)
            .collect()
    }

    fn json(&self, name: &str) -> Result<Option<Value>> {
        let Some(path) = self
            .config_folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
        else {
            return Ok(None);
        };
        parse_json(&path).map(Some)
    }

    fn open_folder(&self, component: ComponentName) -> Result<Checkpoint> {
        let folder = match self.is_component {
            true => self.path.clone(),
            false => self.path.join(component.as_str()),
        };
        let encoder = matches!(
            component,
            ComponentName::TextEncoder | ComponentName::TextEncoder2
        );
        let stem = if encoder {
            "model"
        } else {
            "diffusion_pytorch_model"
        };
        let names = WEIGHT_FILES.map(|pattern| pattern.replace("{}", stem));
        let Some(path) = names
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
        else {
            let problem = format!("it has none of {}{}", names.join(", "), lender(component));
            return Err(bad(&folder, problem));
        };
        if path
            .extension()
            .is_some_and(|extension| extension == "safetensors")
        {
            return Checkpoint::open(&[path]);
        }

        #[derive(Deserialize)]
        struct Index {
            weight_map: std::collections::BTreeMap<String, String>,
        }
        let index = Index::deserialize(parse_json(&path)?)
            .map_err(|e| bad(&path, format!("it is no index: {e}")))?;
        let files: BTreeSet<&String> = index.weight_map.values().collect();
        for file in &files {
            check_file_name(file).map_err(|problem| bad(&path, problem))?;
        }
        Checkpoint::open(
            &files
                .into_iter()
                .map(|file| folder.join(file))
                .collect::<Vec<_>>(),
        )
    }
}

fn kind_of_folder(index: &Map<String, Value>) -> Kind {
    let scored = index.get("requires_aesthetics_score") == Some(&Value::Bool(true));
    // A component that a pipeline lacks is listed as [null, null].
    let encoder = index
        .get("text_encoder")
        .and_then(|entry| entry.get(0))
        .is_some_and(Value::is_string);
    if scored || !encoder {
        Kind::Refiner
    } else {
        Kind::Base
    }
}

fn has_text_encoder(single: &Checkpoint) -> bool {
    // SDXL's, and that of the models before it.
    let prefixes = ["conditioner.", "cond_stage_model."];
    let mut names = single.names();
    names.any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
}

/// The places of a component's tensors in a single file, if it has any of them. A file with an autoencoder alone has them
/// without a prefix.
fn in_file(single: &Checkpoint, map: Vec<(Spec, Origin)>) -> Option<Vec<(Spec, Origin)>> {
    let bare = |(spec, origin): &(Spec, Origin)| {
        let name = origin.name.strip_prefix(VAE)?.to_owned();
        let origin = Origin {
            name,
            ..origin.clone()
        };
        Some((spec.clone(), origin))
    };
    let bare = map.iter().filter_map(bare).collect();
    let has_any = |map: &Vec<(Spec, Origin)>| {
        let mut names = map.iter().map(|(_, origin)| &origin.name);
        names.any(|name| single.info(name).is_some())
    };
    [map, bare].into_iter().find(has_any)
}

/// How to give a component that a checkpoint lacks.
pub(super) fn lender(component: ComponentName) -> &'static str {
    match component {
        ComponentName::Vae => ": name a model or autoencoder that has it (--vae)",
        ComponentName::TextEncoder | ComponentName::TextEncoder2 => {
            ": name a model that has it (--text-encoders)"
        }
        _ => "",
    }
}

fn unexpected<'a>(checkpoint: &'a Checkpoint, specs: &[Spec]) -> impl Iterator<Item = &'a str> {
    let known: BTreeSet<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    // Published text encoders carry the numbers 0..77 as a tensor.
    let names = checkpoint.names();
    names.filter(move |name| !known.contains(*name) && !name.ends_with(".position_ids"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(super::shard::io_error("read", path))
}

fn parse_json(path: &Path) -> Result<Value> {
    serde_json::from_slice(&read(path)?).map_err(|source| Error::BadCheckpoint {
        file: path.display().to_string(),
        tensor: None,
        problem: format!("it is not JSON: {source}"),
        source: Some(source.into()),
    })
}

fn bad(path: &Path, problem: impl Into<String>) -> Error {
    Error::BadCheckpoint {
        file: path.display().to_string(),
        tensor: None,
        problem: problem.into(),
        source: None,
    }
}
