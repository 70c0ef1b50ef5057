//! Writes components' streams as shard files, and a manifest beside them.
//!
//! Nothing is visible under its final name before everything is written: the old manifest goes first, the new one comes
//! last, so a reader meets a whole model or none. The same input gives the same bytes on every machine.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression as Level, GzBuilder};
use sha2::{Digest, Sha256};

use super::manifest::{
    ALIGNMENT, ComponentName, Compression, MANIFEST_FILE, MAX_SHARD, Manifest, ShardEntry,
};
use crate::{Error, Result};

/// Compression is kept where it saves at least one part in this many; below that it only costs time.
const WORTH_ONE_IN: u64 = 20;
/// Ends the name of a file that is not finished.
const PARTIAL: &str = ".partial";

/// SHA-256 as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Cuts streams into shards in one folder.
pub struct ShardWriter {
    folder: PathBuf,
    max_shard: u64,
    component: ComponentName,
    pending: Vec<u8>,
    offset: u64,
    shards: Vec<ShardEntry>,
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
            max_shard: MAX_SHARD,
            component: ComponentName::Scheduler,
            pending: Vec::new(),
            offset: 0,
            shards: Vec::new(),
            written: HashMap::new(),
            finished: false,
        })
    }

    /// Starts the stream of the next component.
    ///
    /// # Panics
    /// If the stream before was not ended.
    pub fn begin(&mut self, component: ComponentName) {
        assert!(
            self.offset == 0 && self.shards.is_empty(),
            "{} was not ended",
            self.component
        );
        self.component = component;
    }

    /// Appends a tensor or file and returns its offset in the stream.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<u64> {
        let (length, max) = (bytes.len() as u64, self.max_shard);
        // Whole tensors in one shard where possible: a loader then copies once. Only a larger one straddles.
        if length <= max && self.pending.len() as u64 + length > max {
            self.cut()?;
        }
        let offset = self.offset;
        self.offset += length.next_multiple_of(ALIGNMENT);
        while !bytes.is_empty() {
            let room = (max - self.pending.len() as u64) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if !bytes.is_empty() {
                self.cut()?;
            }
        }
        self.pending
            .resize(self.pending.len().next_multiple_of(ALIGNMENT as usize), 0);
        Ok(offset)
    }

    /// Ends the component's stream and returns its shards.
    pub fn end(&mut self) -> Result<Vec<ShardEntry>> {
        self.cut()?;
        self.offset = 0;
        Ok(std::mem::take(&mut self.shards))
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

    fn cut(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (length, sha256) = (self.pending.len() as u64, sha256_hex(&self.pending));
        let entry = match self.written.get(&(sha256.clone(), length)) {
            Some(same) => same.clone(),
            None => self.write(length, sha256)?,
        };
        self.shards.push(entry);
        self.pending.clear();
        Ok(())
    }

    fn write(&mut self, length: u64, sha256: String) -> Result<ShardEntry> {
        let file = format!("{}-{:03}.bin", self.component, self.shards.len());
        let path = self.partial(&file);
        let packed = gzip(&self.pending).map_err(io_error("compress", &path))?;
        let worth = packed.len() as u64 + length / WORTH_ONE_IN <= length;
        let (stored, compression) = if worth {
            (&packed, Some(Compression::Gzip))
        } else {
            (&self.pending, None)
        };
        fs::write(&path, stored).map_err(io_error("write", &path))?;
        let entry = ShardEntry {
            file,
            length,
            sha256,
            compression,
            stored_length: stored.len() as u64,
        };
        self.written
            .insert((entry.sha256.clone(), length), entry.clone());
        Ok(entry)
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

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(max_shard: u64) -> (tempfile::TempDir, ShardWriter) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::new(folder.path()).unwrap();
        writer.max_shard = max_shard;
        writer.begin(ComponentName::Unet);
        (folder, writer)
    }

    fn lengths(shards: &[ShardEntry]) -> Vec<u64> {
        shards.iter().map(|shard| shard.length).collect()
    }

    #[test]
    fn starts_a_new_shard_rather_than_split_what_fits_into_one() {
        let (_folder, mut writer) = writer(64);
        let offsets = [40, 40, 64, 1].map(|n| writer.push(&vec![n as u8; n]).unwrap());
        assert_eq!(offsets, [0, 48, 96, 160]);
        assert_eq!(lengths(&writer.end().unwrap()), [48, 48, 64, 16]);
    }

    #[test]
    fn splits_what_is_larger_than_a_shard_and_fills_the_last_piece_up() {
        let (folder, mut writer) = writer(64);
        let large: Vec<u8> = (0..150).collect();
        let offsets = [&[9; 10], &large[..], &[7; 20]].map(|bytes| writer.push(bytes).unwrap());
        assert_eq!(offsets, [0, 16, 176]);
        let shards = writer.end().unwrap();
        assert_eq!(lengths(&shards), [64, 64, 48, 32]);
        assert_eq!(shards[3].file, "unet-003.bin");
        let stored =
            |i: usize| fs::read(folder.path().join(format!("{}.partial", shards[i].file))).unwrap();
        assert_eq!(stored(0)[16..], large[..48]);
        assert_eq!(stored(1), large[48..112]);
        assert_eq!(stored(2)[..38], large[112..]);
    }

    #[test]
    fn compresses_only_where_it_pays_and_hashes_the_plain_bytes() {
        let (_folder, mut writer) = writer(1 << 16);
        let (zeros, noise) = (vec![0; 1 << 16], noise(1 << 16));
        writer.push(&zeros).unwrap();
        writer.push(&noise).unwrap();
        let shards = writer.end().unwrap();
        assert_eq!(shards[0].compression, Some(Compression::Gzip));
        assert!(shards[0].stored_length < 1000);
        assert_eq!(shards[0].sha256, sha256_hex(&zeros));
        assert_eq!(
            (shards[1].compression, shards[1].stored_length),
            (None, 1 << 16)
        );
    }

    #[test]
    fn equal_shards_of_two_components_are_one_file() {
        let (_folder, mut writer) = writer(64);
        writer.push(&[5; 32]).unwrap();
        let first = writer.end().unwrap();
        writer.begin(ComponentName::Vae);
        writer.push(&[5; 32]).unwrap();
        assert_eq!(writer.end().unwrap(), first);
    }

    #[test]
    fn leaves_nothing_behind_when_it_is_given_up() {
        let (folder, mut writer) = writer(64);
        writer.push(&[5; 32]).unwrap();
        writer.end().unwrap();
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
