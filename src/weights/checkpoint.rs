//! safetensors files, of which the headers have been read and checked.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::files::{FileFacts, Files, bad};
use super::header::{Header, PREFIX, TensorInfo, json_len, no_file};
use crate::{Error, Result};

/// A safetensors file.
#[derive(Debug)]
pub struct TensorFile<F> {
    pub(super) files: Rc<F>,
    pub(super) path: String,
    pub(super) facts: FileFacts,
}

/// The tensors of one or more safetensors files, by name.
#[derive(Debug)]
pub struct Checkpoint<F> {
    files: Vec<Rc<TensorFile<F>>>,
    tensors: BTreeMap<String, (usize, TensorInfo)>,
}

impl<F: Files> Checkpoint<F> {
    /// Opens files that together hold a model, and reads their headers.
    pub async fn open(files: &Rc<F>, paths: &[String]) -> Result<Self> {
        let mut checkpoint = Self {
            files: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for path in paths {
            let (file, header) = open(files, path).await?;
            let index = checkpoint.files.len();
            for (name, info) in header.tensors {
                if let Some((other, _)) = checkpoint.tensors.get(&name) {
                    let other = checkpoint.files[*other].name();
                    return Err(Error::BadCheckpoint {
                        file: file.name(),
                        tensor: Some(name),
                        problem: format!("is in `{other}` too"),
                        source: None,
                    });
                }
                checkpoint.tensors.insert(name, (index, info));
            }
            checkpoint.files.push(Rc::new(file));
        }
        Ok(checkpoint)
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Where a tensor lies and what it is.
    pub fn tensor(&self, name: &str) -> Option<(&Rc<TensorFile<F>>, &TensorInfo)> {
        let (index, info) = self.tensors.get(name)?;
        Some((&self.files[*index], info))
    }
}

impl<F: Files> TensorFile<F> {
    pub(super) fn name(&self) -> String {
        self.files.name(&self.path)
    }
}

async fn open<F: Files>(files: &Rc<F>, path: &str) -> Result<(TensorFile<F>, Header)> {
    let Some(facts) = files.facts(path).await? else {
        return Err(bad(&**files, path, "there is no such file"));
    };
    let (name, length) = (files.name(path), facts.length);
    if length < PREFIX {
        return Err(bad(&**files, path, no_file(length)));
    }
    let prefix = files.read(path, 0..PREFIX).await?;
    let Some(&prefix) = prefix.first_chunk() else {
        return Err(bad(&**files, path, no_file(prefix.len() as u64)));
    };
    let json = PREFIX..PREFIX + json_len(&name, prefix, length)?;
    let json = files.read(path, json).await?;
    let header = Header::parse(&name, &json, length)?;
    let file = TensorFile {
        files: Rc::clone(files),
        path: path.to_owned(),
        facts,
    };
    Ok((file, header))
}
