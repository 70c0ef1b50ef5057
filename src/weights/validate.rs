//! The checks behind [`Manifest::parse`]: what passes them can be used without further care.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::manifest::{
    ALIGNMENT, Component, ComponentName, FORMAT, MAX_SHARD, Manifest, ShardEntry, TensorEntry,
};
use crate::{Error, Result};

/// The most axes a tensor has: a convolution's.
const MAX_AXES: usize = 4;
/// The longest file name that every file system and object store takes.
const MAX_FILE_NAME: usize = 255;

impl Manifest {
    /// Checks every number and name.
    pub(super) fn validate(&self) -> Result<()> {
        if self.format != FORMAT {
            let problem = format!(
                "the format is version {}, this program reads version {FORMAT}",
                self.format
            );
            return Err(bad("format", problem));
        }
        let mut files = BTreeMap::new();
        for (&name, component) in &self.components {
            component.check(name)?;
            for shard in &component.shards {
                if *files.entry(&shard.file).or_insert(shard) != shard {
                    return Err(bad(
                        format!("{name}: shard `{}`", shard.file),
                        "the file is described twice, differently",
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Component {
    fn check(&self, component: ComponentName) -> Result<()> {
        let mut end = 0u64;
        for shard in &self.shards {
            let place = || format!("{component}: shard `{}`", shard.file);
            shard.check().map_err(|problem| bad(place(), problem))?;
            end = end
                .checked_add(shard.length)
                .ok_or_else(|| bad(place(), "the stream is too long to count"))?;
        }
        let mut names = BTreeSet::new();
        for tensor in &self.tensors {
            let place = || format!("{component}: tensor `{}`", tensor.name);
            tensor.check().map_err(|problem| bad(place(), problem))?;
            check_range(tensor.offset, tensor.length, end)
                .map_err(|problem| bad(place(), problem))?;
            if !names.insert(&tensor.name) {
                return Err(bad(place(), "the name occurs twice"));
            }
        }
        let mut names = BTreeSet::new();
        for file in &self.files {
            let place = || format!("{component}: file `{}`", file.name);
            check_file_name(&file.name).map_err(|problem| bad(place(), problem))?;
            check_range(file.offset, file.length, end).map_err(|problem| bad(place(), problem))?;
            if !names.insert(&file.name) {
                return Err(bad(place(), "the name occurs twice"));
            }
        }
        Ok(())
    }
}

impl TensorEntry {
    fn check(&self) -> std::result::Result<(), String> {
        if self.name.is_empty() {
            return Err("the name is empty".into());
        }
        let Self {
            shape,
            encoding,
            length,
            ..
        } = self;
        match encoding.byte_len(shape).filter(|_| shape.len() <= MAX_AXES) {
            None => Err(format!("no tensor in {encoding} has the shape {shape:?}")),
            Some(expected) if expected != *length => Err(format!(
                "{length} bytes; {shape:?} in {encoding} takes {expected}"
            )),
            Some(_) => Ok(()),
        }
    }
}

impl ShardEntry {
    fn check(&self) -> std::result::Result<(), String> {
        check_file_name(&self.file)?;
        let (length, stored) = (self.length, self.stored_length);
        if !(1..=MAX_SHARD).contains(&length) {
            return Err(format!("{length} bytes; a shard has 1 to {MAX_SHARD}"));
        }
        if self.compression.is_none() && stored != length || !(1..=length).contains(&stored) {
            let form = if self.compression.is_some() {
                "compressed"
            } else {
                "plain"
            };
            return Err(format!(
                "{length} bytes cannot be stored as {stored} bytes, {form}"
            ));
        }
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(hex) {
            return Err("sha256 is not 64 lower-case hex digits".into());
        }
        Ok(())
    }
}

/// Refuses names that could leave the folder, be hidden, or mean something in a URL.
pub(super) fn check_file_name(name: &str) -> std::result::Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty()
        || name.len() > MAX_FILE_NAME
        || name.starts_with('.')
        || !name.bytes().all(plain)
    {
        return Err(format!(
            "{name:?} is not a plain file name (letters, digits, `-`, `_` and `.`)"
        ));
    }
    Ok(())
}

fn check_range(offset: u64, length: u64, end: u64) -> std::result::Result<(), String> {
    if !offset.is_multiple_of(ALIGNMENT) {
        return Err(format!(
            "the offset {offset} is not a multiple of {ALIGNMENT}"
        ));
    }
    match offset.checked_add(length) {
        Some(last) if last <= end => Ok(()),
        _ => Err(format!(
            "{length} bytes at {offset} reach past the {end} bytes of the shards"
        )),
    }
}

pub(super) fn bad(place: impl fmt::Display, problem: impl Into<String>) -> Error {
    Error::BadManifest {
        place: place.to_string(),
        problem: problem.into(),
        source: None,
    }
}
