//! A published model: a diffusers folder, or a single file with the configs beside it. Both give the same tensors.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::checkpoint::Checkpoint;
use super::files::{Files, Location, bad, read_json};
use super::inventory::{Spec, tensors_of};
use super::manifest::{ComponentName, Kind};
use super::names::{Origin, VAE, kind_of_single_file, single_file_map};
use super::recipe::{ComponentWeights, Variant};
use super::validate::check_file_name;
use crate::Result;
use crate::error::{TensorFault, TensorProblem};

/// The files of a tokenizer that are packed.
pub const TOKENIZER_FILES: [&str; 2] = ["vocab.json", "merges.txt"];
/// Files that may hold a component's weights as trained: whole before split.
const FULL: [&str; 2] = ["{}.safetensors", "{}.safetensors.index.json"];
/// And in f16.
const FP16: [&str; 3] = [
    "{}.fp16.safetensors",
    "{}.safetensors.index.fp16.json",
    "{}.fp16.safetensors.index.json",
];

/// A published model, opened.
#[derive(Debug)]
pub struct ModelFiles<F> {
    location: Location<F>,
    variant: Variant,
    /// Whether the folder is that of a component rather than of a model.
    is_component: bool,
    /// Where configs are looked for, in order.
    config_folders: Vec<Rc<F>>,
    single: Option<Rc<Checkpoint<F>>>,
    used: RefCell<BTreeSet<String>>,
    kind: Kind,
    pipeline: Map<String, Value>,
}

impl<F: Files> ModelFiles<F> {
    /// Opens a diffusers folder, or a single safetensors file with its configs in another folder.
    pub async fn open(
        location: &Location<F>,
        configs: &Option<Rc<F>>,
        variant: Variant,
        kind: Option<Kind>,
    ) -> Result<Self> {
        let mut config_folders: Vec<Rc<F>> = configs.iter().map(Rc::clone).collect();
        let single = single(location).await?;
        if single.is_none() {
            config_folders.push(Rc::clone(&location.files));
        }
        let mut files = Self {
            location: location.clone(),
            variant,
            is_component: false,
            config_folders,
            single,
            used: RefCell::default(),
            kind: Kind::Base,
            pipeline: Map::new(),
        };
        if files.config_folders.is_empty() {
            return Err(
                files.bad("a single file has no configs: name a folder that has them (--configs)")
            );
        }
        let Some(Value::Object(index)) = files.json("model_index.json").await? else {
            return Err(files.bad("there is no model_index.json with the configs"));
        };
        let found = match &files.single {
            Some(single) if has_text_encoder(single) => kind_of_single_file(single.names()),
            _ => Some(kind_of_folder(&index)),
        };
        let Some(kind) = kind.or(found) else {
            return Err(files.bad(
                "it is neither SDXL's base nor its refiner by its names: say which (--kind)",
            ));
        };
        files.kind = kind;
        files.pipeline = index
            .into_iter()
            .filter(|(_, v)| !v.is_array() && !v.is_object())
            .collect();
        Ok(files)
    }

    /// Opens what only lends components to a model of this kind: another model, a component's folder, or a single file that
    /// may hold nothing but an autoencoder.
    pub async fn open_part(
        location: &Location<F>,
        configs: &Option<Rc<F>>,
        variant: Variant,
        kind: Kind,
    ) -> Result<Self> {
        let single = single(location).await?;
        let mut config_folders = Vec::new();
        let mut is_component = false;
        if single.is_none() {
            config_folders.push(Rc::clone(&location.files));
            is_component = location.files.read_whole("config.json").await?.is_some();
        }
        config_folders.extend(configs.iter().map(Rc::clone));
        Ok(Self {
            location: location.clone(),
            variant,
            is_component,
            config_folders,
            single,
            used: RefCell::default(),
            kind,
            pipeline: Map::new(),
        })
    }

    /// A refusal of the folder or file.
    pub(super) fn bad(&self, problem: impl Into<String>) -> crate::Error {
        let path = self.location.file.as_deref();
        bad(&*self.location.files, path.unwrap_or_default(), problem)
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
    pub async fn config(&self, component: ComponentName) -> Result<Option<Value>> {
        match component {
            ComponentName::Scheduler => self.json("scheduler/scheduler_config.json").await,
            ComponentName::Tokenizer | ComponentName::Tokenizer2 => {
                let path = |file: &str| format!("{component}/{file}.json");
                let Some(settings) = self.json(&path("tokenizer_config")).await? else {
                    return Ok(None);
                };
                let mut config = Map::from_iter([("tokenizer_config".to_owned(), settings)]);
                if let Some(tokens) = self.json(&path("special_tokens_map")).await? {
                    config.insert("special_tokens_map".into(), tokens);
                }
                Ok(Some(config.into()))
            }
            _ if self.is_component => self.json("config.json").await,
            _ => self.json(&format!("{component}/config.json")).await,
        }
    }

    /// A file of a tokenizer. Published folders of the second tokenizer may lack them, as both share one vocabulary.
    pub(super) async fn tokenizer_file(
        &self,
        component: ComponentName,
        file: &str,
        fallback: &Option<Rc<F>>,
    ) -> Result<Vec<u8>> {
        let of = |name: ComponentName| {
            let path = format!("{name}/{file}");
            let folders = self.config_folders.iter();
            folders.map(move |folder| (folder, path.clone()))
        };
        let places = of(component)
            .chain(fallback.iter().map(|folder| (folder, file.to_owned())))
            .chain(of(ComponentName::Tokenizer));
        for (folder, path) in places {
            if let Some(bytes) = folder.read_whole(&path).await? {
                return Ok(bytes);
            }
        }
        Err(self.bad(format!(
            "{component} has no {file}: name a folder that has it (--tokenizer), or leave {component} out (--components)"
        )))
    }

    /// Finds a component's weights, and adds to `problems` what in names and shapes is not as its config says. `None` where
    /// a single file has nothing of the component.
    pub(super) async fn weights(
        &self,
        component: ComponentName,
        config: &Value,
        problems: &mut Vec<TensorProblem>,
    ) -> Result<Option<ComponentWeights<F>>> {
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
                let checkpoint = self.open_folder(component).await?;
                for name in unexpected(&checkpoint, &specs) {
                    report(name, TensorFault::Unexpected);
                }
                let in_place = |spec: Spec| (spec.clone(), Origin::in_place(spec));
                let tensors = specs.into_iter().map(in_place).collect();
                (Rc::new(checkpoint), tensors)
            }
        };
        for (_, origin) in &tensors {
            match checkpoint.tensor(&origin.name) {
                None => report(&origin.name, TensorFault::Missing),
                Some((_, info)) if info.shape != origin.shape => {
                    let (expected, actual) = (origin.shape.clone(), info.shape.clone());
                    report(&origin.name, TensorFault::Shape { expected, actual });
                }
                Some(_) => {
                    self.used.borrow_mut().insert(origin.name.clone());
                }
            }
        }
        Ok(Some(ComponentWeights {
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

    async fn json(&self, path: &str) -> Result<Option<Value>> {
        for folder in &self.config_folders {
            if let Some(json) = read_json(&**folder, path).await? {
                return Ok(Some(json));
            }
        }
        Ok(None)
    }

    async fn open_folder(&self, component: ComponentName) -> Result<Checkpoint<F>> {
        let files = &self.location.files;
        let folder = match self.is_component {
            true => String::new(),
            false => format!("{component}/"),
        };
        let stem = match component {
            ComponentName::TextEncoder | ComponentName::TextEncoder2 => "model",
            _ => "diffusion_pytorch_model",
        };
        let patterns: Vec<&str> = match self.variant {
            Variant::Full => FULL.into_iter().chain(FP16).collect(),
            Variant::Fp16 => FP16.into_iter().chain(FULL).collect(),
        };
        let names: Vec<String> = patterns.iter().map(|p| p.replace("{}", stem)).collect();
        for name in &names {
            let path = format!("{folder}{name}");
            if name.ends_with(".safetensors") {
                if files.facts(&path).await?.is_some() {
                    return Checkpoint::open(files, &[path]).await;
                }
            } else if let Some(index) = read_json(&**files, &path).await? {
                let index = Index::deserialize(index)
                    .map_err(|e| bad(&**files, &path, format!("it is no index: {e}")))?;
                let parts: BTreeSet<&String> = index.weight_map.values().collect();
                for part in &parts {
                    check_file_name(part).map_err(|problem| bad(&**files, &path, problem))?;
                }
                let parts: Vec<_> = parts.iter().map(|part| format!("{folder}{part}")).collect();
                return Checkpoint::open(files, &parts).await;
            }
        }
        let problem = format!("it has none of {}{}", names.join(", "), lender(component));
        Err(bad(&**files, folder.trim_end_matches('/'), problem))
    }
}

/// Which file has which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

async fn single<F: Files>(location: &Location<F>) -> Result<Option<Rc<Checkpoint<F>>>> {
    let Some(file) = &location.file else {
        return Ok(None);
    };
    let checkpoint = Checkpoint::open(&location.files, std::slice::from_ref(file)).await?;
    Ok(Some(Rc::new(checkpoint)))
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

fn has_text_encoder<F: Files>(single: &Checkpoint<F>) -> bool {
    // SDXL's, and that of the models before it.
    let prefixes = ["conditioner.", "cond_stage_model."];
    let mut names = single.names();
    names.any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
}

/// The places of a component's tensors in a single file, if it has any of them. A file with an autoencoder alone has them
/// without a prefix.
fn in_file<F: Files>(
    single: &Checkpoint<F>,
    map: Vec<(Spec, Origin)>,
) -> Option<Vec<(Spec, Origin)>> {
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
        names.any(|name| single.tensor(name).is_some())
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

fn unexpected<'a, F: Files>(
    checkpoint: &'a Checkpoint<F>,
    specs: &[Spec],
) -> impl Iterator<Item = &'a str> {
    let known: BTreeSet<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    // Published text encoders carry the numbers 0..77 as a tensor.
    let names = checkpoint.names();
    names.filter(move |name| !known.contains(*name) && !name.ends_with(".position_ids"))
}
