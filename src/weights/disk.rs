//! Checkpoints on a disk.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use super::files::{FileFacts, Files, Location, MAX_WHOLE, bad};
use crate::{Error, Result};

/// A folder on a disk.
#[derive(Debug)]
pub struct DiskFiles {
    folder: PathBuf,
}

impl DiskFiles {
    /// The folder of that path.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }
}

impl Location<DiskFiles> {
    /// What lies at a path: a folder, or else a file.
    pub fn on_disk(path: &Path) -> Self {
        let (folder, file) = match path.file_name() {
            Some(name) if !path.is_dir() => (
                path.parent().unwrap_or(Path::new("")),
                Some(name.to_string_lossy().into_owned()),
            ),
            _ => (path, None),
        };
        Self {
            files: Rc::new(DiskFiles::new(folder)),
            file,
        }
    }
}

impl Files for DiskFiles {
    async fn facts(&self, path: &str) -> Result<Option<FileFacts>> {
        let path = self.folder.join(path);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => {
                let modified = found.modified().ok();
                let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                Ok(Some(FileFacts {
                    length: found.len(),
                    version: age.map_or_else(String::new, |age| age.as_nanos().to_string()),
                }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let path = self.folder.join(path);
        let read = || {
            let mut file = File::open(&path)?;
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.seek(SeekFrom::Start(range.start))?;
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(io_error("read", &path))
    }

    async fn read_whole(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.facts(path).await? {
            Some(FileFacts { length, .. }) if length > MAX_WHOLE => Err(bad(
                self,
                path,
                format!("{length} bytes are more than such a file has"),
            )),
            Some(FileFacts { length, .. }) => self.read(path, 0..length).await.map(Some),
            None => Ok(None),
        }
    }

    fn name(&self, path: &str) -> String {
        match path {
            "" => self.folder.display().to_string(),
            _ => self.folder.join(path).display().to_string(),
        }
    }
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}
