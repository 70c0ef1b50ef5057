//! Writes shard files, and a manifest beside them.
//!
//! Nothing is visible under its final name before everything is written: the old manifest goes first, the new one comes
//! last, so a reader meets a whole model or none. The same input gives the same bytes on every machine.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression as Level, GzBuilder};

use super::disk::io_error;
use super::hash::sha256_hex;
use super::manifest::{Compression, MANIFEST_FILE, Manifest, ShardEntry};
use crate::{Error, Result};

/// Compression is kept where it saves at least one part in this many; below that it only costs time.
const WORTH_ONE_IN: u64 = 20;
/// Ends the name of a file that is not finished.
const PARTIAL: &str = ".partial";

/// Writes shards into one folder.
pub struct ShardWriter {
    folder: PathBuf,
    written: HashMap<(String, u64), ShardEntry>,
    finished: bool,
}

impl ShardWriter {
    /// A writer into a folder, which is made if need be.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(io_error("make the folder", &folder))?;
        Ok(Self {
            folder,
            written: HashMap::new(),
            finished: false,
        })
    }

    /// Writes a shard under this name, unless the same bytes have been written under another.
    pub fn write(&mut self, file: &str, plain: &[u8]) -> Result<ShardEntry> {
        let (length, sha256) = (plain.len() as u64, sha256_hex(plain));
        if let Some(same) = self.written.get(&(sha256.clone(), length)) {
            return Ok(same.clone());
        }
        let path = self.partial(file);
        let packed = gzip(plain).map_err(io_error("compress", &path))?;
        let worth = packed.len() as u64 + length / WORTH_ONE_IN <= length;
        let (stored, compression) = if worth {
            (&packed[..], Some(Compression::Gzip))
        } else {
            (plain, None)
        };
        fs::write(&path, stored).map_err(io_error("write", &path))?;
        let entry = ShardEntry {
            file: file.to_owned(),
            length,
            sha256,
            compression,
            stored_length: stored.len() as u64,
        };
        let key = (entry.sha256.clone(), length);
        self.written.insert(key, entry.clone());
        Ok(entry)
    }

    /// Gives every shard its name, then writes the manifest; shards that only the folder's old manifest names are removed.
    pub fn finish(mut self, manifest: &Manifest) -> Result<()> {
        let path = self.folder.join(MANIFEST_FILE);
        let old = fs::read(&path)
            .ok()
            .and_then(|json| Manifest::parse(&json).ok());
        let mut json = serde_json::to_vec(manifest).map_err(|source| Error::BadManifest {
            place: path.display().to_string(),
            problem: source.to_string(),
            source: Some(source.into()),
        })?;
        json.push(b'\n');
        let partial = self.partial(MANIFEST_FILE);
        fs::write(&partial, &json).map_err(io_error("write", &partial))?;
        if old.is_some() {
            fs::remove_file(&path).map_err(io_error("replace", &path))?;
        }
        for shard in manifest.shards() {
            self.rename(&shard.file)?;
        }
        for stale in old.iter().flat_map(Manifest::shards) {
            if !manifest
                .shards()
                .iter()
                .any(|shard| shard.file == stale.file)
            {
                // Left over or already gone: the new manifest does not name it either way.
                fs::remove_file(self.folder.join(&stale.file)).ok();
            }
        }
        self.rename(MANIFEST_FILE)?;
        self.finished = true;
        Ok(())
    }

    fn partial(&self, file: &str) -> PathBuf {
        self.folder.join(format!("{file}{PARTIAL}"))
    }

    fn rename(&self, file: &str) -> Result<()> {
        let path = self.folder.join(file);
        fs::rename(self.partial(file), &path).map_err(io_error("write", &path))
    }
}

impl Drop for ShardWriter {
    fn drop(&mut self) {
        if !self.finished {
            for file in self
                .written
                .values()
                .map(|shard| shard.file.as_str())
                .chain([MANIFEST_FILE])
            {
                // Cleaning up after a failure that is already being reported.
                fs::remove_file(self.partial(file)).ok();
            }
        }
    }
}

/// gzip without a time or name in it.
fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Level::default());
    encoder.write_all(plain)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> (tempfile::TempDir, ShardWriter) {
        let folder = tempfile::tempdir().unwrap();
        let writer = ShardWriter::new(folder.path()).unwrap();
        (folder, writer)
    }

    #[test]
    fn compresses_only_where_it_pays_and_hashes_the_plain_bytes() {
        let (_folder, mut writer) = writer();
        let (zeros, noise) = (vec![0; 1 << 16], noise(1 << 16));
        let [first, second] =
            [("a.bin", &zeros), ("b.bin", &noise)].map(|(file, plain)| writer.write(file, plain));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.compression, Some(Compression::Gzip));
        assert!(first.stored_length < 1000);
        assert_eq!(first.sha256, sha256_hex(&zeros));
        assert_eq!((second.compression, second.stored_length), (None, 1 << 16));
    }

    #[test]
    fn equal_shards_are_one_file() {
        let (folder, mut writer) = writer();
        let first = writer.write("a.bin", &[5; 32]).unwrap();
        assert_eq!(writer.write("b.bin", &[5; 32]).unwrap(), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leaves_nothing_behind_when_it_is_given_up() {
        let (folder, mut writer) = writer();
        writer.write("a.bin", &[5; 32]).unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    fn noise(count: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        (0..count).map(|_| next()).collect()
    }
}
