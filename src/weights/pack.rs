//! Checkpoint in, shards and manifest out: unit by unit, so memory stays at a few shards.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::disk::DiskFiles;
use super::files::Location;
use super::manifest::{ComponentName, Encoding, Kind, Manifest};
use super::plan::Plan;
use super::recipe::{Recipe, Variant};
use super::shard::ShardWriter;
use super::unit::UnitBuffer;
use crate::Result;

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
    /// How weights are stored ([`super::scheme::encoding_of`]).
    pub scheme: Encoding,
    /// Which of a folder's weights are read where there are several.
    pub variant: Variant,
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
    pollster::block_on(async {
        let plan = Plan::make(&recipe(options)).await?;
        let (mut done, total) = (0, plan.read_len());
        let mut writer = ShardWriter::new(&options.out)?;
        let mut written = Vec::new();
        for unit in plan.units() {
            let mut buffer = UnitBuffer::new(unit);
            for (index, read) in unit.reads.iter().enumerate() {
                let bytes = plan.read(read).await?;
                buffer.accept(&plan, unit, index, &bytes)?;
                done += bytes.len() as u64;
                progress(Progress {
                    component: unit.component,
                    done,
                    total,
                });
            }
            let bytes = buffer.finish();
            let mut rest = &bytes[..];
            for shard in plan.shards(unit) {
                let (plain, after) = rest.split_at(shard.length as usize);
                written.push(writer.write(&shard.file, plain)?);
                rest = after;
            }
        }
        let manifest = plan.manifest_of(written);
        writer.finish(&manifest)?;
        Ok(Report {
            manifest,
            unused: plan.unused().to_vec(),
        })
    })
}

fn recipe(options: &Options) -> Recipe<DiskFiles> {
    let folder = |path: &Option<PathBuf>| path.as_ref().map(|path| Rc::new(DiskFiles::new(path)));
    let location = |path: &Option<PathBuf>| path.as_deref().map(Location::on_disk);
    Recipe {
        checkpoint: Location::on_disk(&options.checkpoint),
        kind: options.kind,
        name: options
            .name
            .clone()
            .unwrap_or_else(|| model_name(&options.checkpoint)),
        scheme: options.scheme,
        variant: options.variant,
        components: options.components.clone(),
        configs: folder(&options.configs),
        tokenizer: folder(&options.tokenizer),
        vae: location(&options.vae),
        text_encoders: location(&options.text_encoders),
    }
}

fn model_name(checkpoint: &Path) -> String {
    let path = checkpoint.canonicalize();
    let path = path.as_deref().unwrap_or(checkpoint);
    let stem = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    stem.map_or_else(
        || "model".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}
