//! Checkpoint in, shards and manifest out: tensor by tensor, so memory stays at a few tensors and one shard.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::component_weights::ComponentWeights;
use super::manifest::{
    Component, ComponentName, Encoding, FORMAT, FileEntry, Kind, Manifest, TensorEntry,
};
use super::model_files::{ModelFiles, TOKENIZER_FILES};
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
    let files = ModelFiles::open(
        &options.checkpoint,
        options.configs.as_deref(),
        options.kind,
    )?;
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
        let files = pack_files(options, &files, name, &mut writer)?;
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
    let pipeline = files.pipeline().clone();
    let manifest = Manifest {
        format: FORMAT,
        name: model_name(options),
        kind: files.kind(),
        pipeline,
        components,
    };
    writer.finish(&manifest)?;
    Ok(Report {
        manifest,
        unused: files.unused(),
    })
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
fn plan(options: &Options, files: &ModelFiles) -> Result<Vec<Planned>> {
    let mut plan = Vec::new();
    for name in ComponentName::ALL {
        let asked = options.components.as_ref().map(|only| only.contains(&name));
        if asked == Some(false) || asked.is_none() && !belongs(files.kind(), name) {
            continue;
        }
        let Some(config) = files.config(name)? else {
            if asked == Some(true) || required(files.kind(), name) {
                let file = options.checkpoint.display().to_string();
                let problem =
                    format!("there is no config for {name}: add it, or choose other --components");
                return Err(Error::BadCheckpoint {
                    file,
                    tensor: None,
                    problem,
                    source: None,
                });
            }
            continue;
        };
        let weights = match name {
            ComponentName::Scheduler | ComponentName::Tokenizer | ComponentName::Tokenizer2 => None,
            _ => Some(files.weights(name, &config)?),
        };
        plan.push(Planned {
            name,
            config,
            weights,
        });
    }
    Ok(plan)
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
