//! safetensors files on disk, read one tensor at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::header::{Header, PREFIX, TensorInfo, json_len, no_file};
use super::shard::io_error;
use crate::{Error, Result};

/// A safetensors file whose header has been read and checked.
#[derive(Debug)]
struct TensorFile {
    path: PathBuf,
    file: File,
}

/// The tensors of one or more safetensors files, by name.
#[derive(Debug)]
pub struct Checkpoint {
    files: Vec<TensorFile>,
    tensors: BTreeMap<String, (usize, TensorInfo)>,
}

impl Checkpoint {
    /// Opens files that together hold a model, and reads their headers.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut checkpoint = Self {
            files: Vec::new(),
            tensors: BTreeMap::new(),
        };
        for path in paths {
            let (file, header) = TensorFile::open(path)?;
            let index = checkpoint.files.len();
            for (name, info) in header.tensors {
                if let Some((other, _)) = checkpoint.tensors.get(&name) {
                    let other = checkpoint.files[*other].path.display().to_string();
                    return Err(file.bad(Some(&name), format!("is in `{other}` too"), None));
                }
                checkpoint.tensors.insert(name, (index, info));
            }
            checkpoint.files.push(file);
        }
        Ok(checkpoint)
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Where a tensor lies and what it is.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|(_, info)| info)
    }

    /// The values of some rows of a tensor (along its first axis), all finite; `None` where there is no such tensor.
    ///
    /// # Panics
    /// If the tensor has not that many rows.
    pub fn rows(&self, name: &str, rows: Range<usize>) -> Option<Result<Vec<f32>>> {
        let (index, info) = self.tensors.get(name)?;
        Some(self.files[*index].rows(name, info, rows))
    }
}

impl TensorFile {
    fn open(path: &Path) -> Result<(Self, Header)> {
        let mut file = File::open(path).map_err(io_error("open", path))?;
        let length = file.metadata().map_err(io_error("read", path))?.len();
        let name = path.display().to_string();
        let mut prefix = [0; PREFIX as usize];
        if length < PREFIX {
            return Err(Error::BadCheckpoint {
                file: name,
                tensor: None,
                problem: no_file(length),
                source: None,
            });
        }
        file.read_exact(&mut prefix)
            .map_err(io_error("read", path))?;
        let mut json = vec![0; json_len(&name, prefix, length)? as usize];
        file.read_exact(&mut json).map_err(io_error("read", path))?;
        let header = Header::parse(&name, &json, length)?;
        Ok((
            Self {
                path: path.to_owned(),
                file,
            },
            header,
        ))
    }

    fn rows(&self, name: &str, info: &TensorInfo, rows: Range<usize>) -> Result<Vec<f32>> {
        let count = info.shape.first().copied().unwrap_or(1);
        assert!(
            rows.start <= rows.end && rows.end <= count,
            "rows {rows:?} of {count} of tensor {name}"
        );
        let row = info.length / count.max(1) as u64;
        let mut bytes = vec![0; (rows.len() as u64 * row) as usize];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(info.start + rows.start as u64 * row))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| self.bad(Some(name), source.to_string(), Some(source)))?;
        let Some(values) = info.dtype.decode(&bytes) else {
            return Err(self.bad(Some(name), "is not in f32, f16 or bf16".into(), None));
        };
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => Err(self.bad(Some(name), format!("value {at} is {}", values[at]), None)),
            None => Ok(values),
        }
    }

    fn bad(&self, tensor: Option<&str>, problem: String, source: Option<std::io::Error>) -> Error {
        Error::BadCheckpoint {
            file: self.path.display().to_string(),
            tensor: tensor.map(Into::into),
            problem,
            source: source.map(Into::into),
        }
    }
}
