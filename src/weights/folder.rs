//! Shards in a folder, as `pack` writes them: the native source.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::hash::sha256_hex;
use super::manifest::{Compression, MANIFEST_FILE, Manifest, ShardEntry};
use super::source::ShardSource;
use crate::error::ShardFault;
use crate::{Error, Result};

/// The largest manifest worth reading: SDXL's is under 1 MiB.
const MAX_MANIFEST: u64 = 64 << 20;

/// A folder with a manifest and its shards.
#[derive(Debug, Clone)]
pub struct FolderSource {
    folder: PathBuf,
}

impl FolderSource {
    /// Opens a folder and reads its manifest.
    pub fn open(folder: impl Into<PathBuf>) -> Result<(Self, Manifest)> {
        let folder = folder.into();
        let path = folder.join(MANIFEST_FILE);
        let refuse = |problem: String, source| Error::BadManifest {
            place: path.display().to_string(),
            problem,
            source,
        };
        let size = fs::metadata(&path)
            .map_err(|e| refuse(e.to_string(), Some(e.into())))?
            .len();
        if size > MAX_MANIFEST {
            return Err(refuse(
                format!("{size} bytes are more than any manifest has"),
                None,
            ));
        }
        let json = fs::read(&path).map_err(|e| refuse(e.to_string(), Some(e.into())))?;
        Ok((Self { folder }, Manifest::parse(&json)?))
    }
}

impl ShardSource for FolderSource {
    async fn read(&self, shard: &ShardEntry) -> Result<Vec<u8>> {
        read_shard(&self.folder, shard).map_err(|fault| Error::BadShard {
            file: shard.file.clone(),
            fault,
        })
    }
}

fn read_shard(folder: &Path, shard: &ShardEntry) -> std::result::Result<Vec<u8>, ShardFault> {
    let file = File::open(folder.join(&shard.file)).map_err(ShardFault::Unreadable)?;
    let stored = file.metadata().map_err(ShardFault::Unreadable)?.len();
    if stored != shard.stored_length {
        return Err(ShardFault::StoredLength {
            expected: shard.stored_length,
            actual: stored,
        });
    }
    // One byte more than declared shows a gzip bomb without letting it unfold.
    let limit = shard.length + 1;
    let mut plain = Vec::with_capacity(shard.length as usize);
    match shard.compression {
        None => file
            .take(limit)
            .read_to_end(&mut plain)
            .map_err(ShardFault::Unreadable)?,
        Some(Compression::Gzip) => GzDecoder::new(file)
            .take(limit)
            .read_to_end(&mut plain)
            .map_err(ShardFault::Compression)?,
    };
    if plain.len() as u64 != shard.length {
        return Err(ShardFault::Length {
            expected: shard.length,
            actual: plain.len() as u64,
        });
    }
    let actual = sha256_hex(&plain);
    if actual != shard.sha256 {
        return Err(ShardFault::Hash {
            expected: shard.sha256.clone(),
            actual,
        });
    }
    Ok(plain)
}
