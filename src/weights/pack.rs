//! Checkpoint in, shards and manifest out: tensor by tensor, so memory stays at a few tensors and one shard.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::component_weights::ComponentWeights;
use super::manifest::{
    Component, ComponentName, Encoding, FORMAT, FileEntry, Kind, Manifest, TensorEntry,
};
use super::model_files::{ModelFiles, TOKENIZER_FILES, lender};
use super::quantize::encode;
use super::scheme::encoding_of;
use super::shard::ShardWriter;
use crate::{Error, Result};

/// What to pack, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// A diffusers folder or a single safetensors file.
    pub checkpoint: PathBuf,
    /// The folder to write.
    pub out: PathBuf,
    /// Base or refiner; found out where it is not given.
    pub kind: Option<Kind>,
    /// The model's name; the checkpoint's file name where it is not given.
    pub name: Option<String>,
    /// How weights are stored ([`encoding_of`]).
    pub scheme: Encoding,
    /// Only these components; all that the model has where it is not given.
    pub components: Option<Vec<ComponentName>>,
    /// A folder with component configs, as diffusers publishes them.
    pub configs: Option<PathBuf>,
    /// A folder with a tokenizer's vocabulary.
    pub tokenizer: Option<PathBuf>,
    /// Where the autoencoder is taken from: a model, the autoencoder's folder, or a single file of either.
    pub vae: Option<PathBuf>,
    /// A model that the text encoders are taken from, and their tokenizers with them.
    pub text_encoders: Option<PathBuf>,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What is being packed.
    pub component: ComponentName,
    /// Bytes of the checkpoint read so far.
    pub done: u64,
    /// Bytes to read in all.
    pub total: u64,
}

/// What was packed.
#[derive(Debug)]
pub struct Report {
    /// As written.
    pub manifest: Manifest,
    /// Tensors of a single file that nothing needed.
    pub unused: Vec<String>,
}

/// Packs a model. Until all is written, what stood in the folder before stays readable.
pub fn pack(options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Report> {
    let files = Sources::open(options)?;
    let plan = plan(options, &files)?;
    let total = plan.iter().map(Planned::stored_len).sum();
    let mut done = 0;
    let mut components = BTreeMap::new();
    let mut writer = ShardWriter::new(&options.out)?;
    for Planned {
        name,
        config,
        weights,
    } in plan
    {
        writer.begin(name);
        let mut tensors = Vec::new();
        if let Some(weights) = &weights {
            for index in 0..weights.tensors.len() {
                tensors.push(pack_tensor(options, weights, index, &mut writer)?);
                done += weights.stored_len(index);
                progress(Progress {
                    component: name,
                    done,
                    total,
                });
            }
        }
        let files = pack_files(options, files.of(name), name, &mut writer)?;
        components.insert(
            name,
            Component {
                config,
                tensors,
                files,
                shards: writer.end()?,
            },
        );
    }
    let pipeline = files.model.pipeline().clone();
    let manifest = Manifest {
        format: FORMAT,
        name: model_name(options),
        kind: files.model.kind(),
        pipeline,
        components,
    };
    writer.finish(&manifest)?;
    Ok(Report {
        manifest,
        unused: files.model.unused(),
    })
}

/// The model, and what components are taken from instead.
struct Sources {
    model: ModelFiles,
    vae: Option<ModelFiles>,
    text_encoders: Option<ModelFiles>,
}

impl Sources {
    fn open(options: &Options) -> Result<Self> {
        let configs = options.configs.as_deref();
        let model = ModelFiles::open(&options.checkpoint, configs, options.kind)?;
        let part = |path: &Option<PathBuf>| {
            let path = path.as_deref();
            path.map(|path| ModelFiles::open_part(path, configs, model.kind()))
                .transpose()
        };
        Ok(Self {
            vae: part(&options.vae)?,
            text_encoders: part(&options.text_encoders)?,
            model,
        })
    }

    fn of(&self, component: ComponentName) -> &ModelFiles {
        let lent = match component {
            ComponentName::Vae => &self.vae,
            ComponentName::TextEncoder
            | ComponentName::TextEncoder2
            | ComponentName::Tokenizer
            | ComponentName::Tokenizer2 => &self.text_encoders,
            ComponentName::Scheduler | ComponentName::Unet => &None,
        };
        lent.as_ref().unwrap_or(&self.model)
    }
}

/// A component whose files were found and agree with its config.
struct Planned {
    name: ComponentName,
    config: Value,
    weights: Option<ComponentWeights>,
}

impl Planned {
    fn stored_len(&self) -> u64 {
        let weights = self.weights.iter();
        weights
            .flat_map(|weights| (0..weights.tensors.len()).map(|i| weights.stored_len(i)))
            .sum()
    }
}

/// Everything that can be refused from headers and configs is refused here, before hours of packing.
fn plan(options: &Options, sources: &Sources) -> Result<Vec<Planned>> {
    let kind = sources.model.kind();
    let (mut plan, mut problems) = (Vec::new(), Vec::new());
    for name in ComponentName::ALL {
        let asked = options.components.as_ref().map(|only| only.contains(&name));
        if asked == Some(false) || asked.is_none() && !belongs(kind, name) {
            continue;
        }
        let files = sources.of(name);
        let lacks = |problem: String| match asked == Some(true) || required(kind, name) {
            true => Err(Error::BadCheckpoint {
                file: files.path().display().to_string(),
                tensor: None,
                problem,
                source: None,
            }),
            false => Ok(()),
        };
        let Some(config) = files.config(name)? else {
            lacks(format!(
                "there is no config for {name}: add it, or choose other --components"
            ))?;
            continue;
        };
        let weights = match name {
            ComponentName::Scheduler | ComponentName::Tokenizer | ComponentName::Tokenizer2 => None,
            _ => match files.weights(name, &config, &mut problems)? {
                None => {
                    lacks(format!("it has no {name}{}", lender(name)))?;
                    continue;
                }
                found => found,
            },
        };
        plan.push(Planned {
            name,
            config,
            weights,
        });
    }
    match problems.is_empty() {
        true => Ok(plan),
        false => Err(Error::WrongTensors { problems }),
    }
}

/// The refiner listens to the second encoder only.
fn belongs(kind: Kind, name: ComponentName) -> bool {
    kind == Kind::Base || !matches!(name, ComponentName::TextEncoder | ComponentName::Tokenizer)
}

/// The rest of a refiner may be the base's.
fn required(kind: Kind, name: ComponentName) -> bool {
    kind == Kind::Base || matches!(name, ComponentName::Unet | ComponentName::Scheduler)
}

fn pack_tensor(
    options: &Options,
    weights: &ComponentWeights,
    index: usize,
    writer: &mut ShardWriter,
) -> Result<TensorEntry> {
    let (values, shape) = weights.read(index)?;
    let (spec, origin) = &weights.tensors[index];
    let encoding = encoding_of(spec, options.scheme);
    let bytes = encode(&values, &shape, encoding).map_err(|source| Error::BadCheckpoint {
        file: options.checkpoint.display().to_string(),
        tensor: Some(origin.name.clone()),
        problem: format!("{source}: pack with --weights f32"),
        source: Some(source.into()),
    })?;
    let (offset, length) = (writer.push(&bytes)?, bytes.len() as u64);
    Ok(TensorEntry {
        name: spec.name.clone(),
        shape,
        encoding,
        offset,
        length,
    })
}

fn pack_files(
    options: &Options,
    files: &ModelFiles,
    name: ComponentName,
    writer: &mut ShardWriter,
) -> Result<Vec<FileEntry>> {
    if !matches!(name, ComponentName::Tokenizer | ComponentName::Tokenizer2) {
        return Ok(Vec::new());
    }
    let pack = |file: &str| {
        let bytes = files.tokenizer_file(name, file, options.tokenizer.as_deref())?;
        let (offset, length) = (writer.push(&bytes)?, bytes.len() as u64);
        Ok(FileEntry {
            name: file.to_owned(),
            offset,
            length,
        })
    };
    TOKENIZER_FILES.into_iter().map(pack).collect()
}

fn model_name(options: &Options) -> String {
    let path = options
        .checkpoint
        .canonicalize()
        .unwrap_or_else(|_| options.checkpoint.clone());
    let stem = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    let found = stem.map(|stem| stem.to_string_lossy().into_owned());
    options
        .name
        .clone()
        .or(found)
        .unwrap_or_else(|| "model".into())
}
