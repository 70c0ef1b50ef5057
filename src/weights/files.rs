//! The files of a published model, wherever they lie: on a disk, at an address, chosen on a page. They are read in ranges.

use std::ops::Range;
use std::rc::Rc;

use serde_json::Value;

use crate::{Error, Result};

/// More than any config, index or vocabulary of SDXL has.
pub const MAX_WHOLE: u64 = 16 << 20;

/// A folder with files and further folders. Paths have `/` between their parts.
#[allow(
    async_fn_in_trait,
    reason = "one thread reads checkpoints, in the browser and natively, so no caller needs a Send future"
)]
pub trait Files {
    /// What is known of a file; `None` where there is no such file.
    async fn facts(&self, path: &str) -> Result<Option<FileFacts>>;

    /// Some bytes of a file, exactly as many as asked for.
    async fn read(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>>;

    /// A whole file of at most [`MAX_WHOLE`] bytes; `None` where there is no such file.
    async fn read_whole(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// How a file is called in messages; the folder itself if the path is empty.
    fn name(&self, path: &str) -> String;
}

/// What is known of a file before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Bytes.
    pub length: u64,
    /// Another one if the file was changed, as far as its place tells.
    pub version: String,
}

/// A published model, or a part of one: a folder as diffusers writes it, or one safetensors file of a folder.
#[derive(Debug)]
pub struct Location<F> {
    /// The folder.
    pub files: Rc<F>,
    /// The file, if it is one.
    pub file: Option<String>,
}

impl<F> Clone for Location<F> {
    fn clone(&self) -> Self {
        Self {
            files: Rc::clone(&self.files),
            file: self.file.clone(),
        }
    }
}

impl<F: Files> Location<F> {
    /// How it is called in messages.
    pub fn name(&self) -> String {
        self.files.name(self.file.as_deref().unwrap_or_default())
    }
}

/// A whole JSON file; `None` where there is no such file.
pub(super) async fn read_json<F: Files>(files: &F, path: &str) -> Result<Option<Value>> {
    let Some(bytes) = files.read_whole(path).await? else {
        return Ok(None);
    };
    let json = serde_json::from_slice(&bytes).map_err(|source| Error::BadCheckpoint {
        file: files.name(path),
        tensor: None,
        problem: format!("it is not JSON: {source}"),
        source: Some(source.into()),
    })?;
    Ok(Some(json))
}

/// A refusal of a file.
pub(super) fn bad<F: Files>(files: &F, path: &str, problem: impl Into<String>) -> Error {
    Error::BadCheckpoint {
        file: files.name(path),
        tensor: None,
        problem: problem.into(),
        source: None,
    }
}
