//! Where shards come from, and reading a component's stream through them.

use super::manifest::{Component, ComponentName, FileEntry, ShardEntry, TensorEntry};
use crate::{Error, Result};

/// A place that holds the shards of one manifest.
///
/// Whoever implements it checks length and hash: the bytes it returns are the manifest's.
#[allow(
    async_fn_in_trait,
    reason = "one thread reads weights, in the browser and natively, so no caller needs a Send future"
)]
pub trait ShardSource {
    /// The plain bytes of a shard.
    async fn read(&self, shard: &ShardEntry) -> Result<Vec<u8>>;
}

/// Reads ranges of a component's stream; keeps the shard it read last, so reading in order fetches each shard once.
pub struct StreamReader<'a, S> {
    source: &'a S,
    name: ComponentName,
    component: &'a Component,
    current: Option<(usize, Vec<u8>)>,
}

impl<'a, S: ShardSource> StreamReader<'a, S> {
    /// A reader of a component of a parsed manifest.
    pub fn new(source: &'a S, name: ComponentName, component: &'a Component) -> Self {
        Self {
            source,
            name,
            component,
            current: None,
        }
    }

    /// The encoded bytes of a tensor.
    pub async fn tensor(&mut self, tensor: &TensorEntry) -> Result<Vec<u8>> {
        self.range(tensor.offset, tensor.length).await
    }

    /// The bytes of a file.
    pub async fn file(&mut self, file: &FileEntry) -> Result<Vec<u8>> {
        self.range(file.offset, file.length).await
    }

    async fn range(&mut self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let past_the_end = || Error::BadManifest {
            place: self.name.to_string(),
            problem: format!("{length} bytes at {offset} lie outside the shards"),
            source: None,
        };
        let (component, end) = (
            self.component,
            offset.checked_add(length).ok_or_else(past_the_end)?,
        );
        if end > component.stream_len() {
            return Err(past_the_end());
        }
        let mut bytes = Vec::with_capacity(length as usize);
        let mut start = 0u64;
        for (index, shard) in component.shards.iter().enumerate() {
            let (first, last) = (offset.max(start), end.min(start + shard.length));
            if first < last {
                let plain = self.shard(index, shard).await?;
                // Both lie within one shard, so they fit any usize.
                bytes.extend_from_slice(&plain[(first - start) as usize..(last - start) as usize]);
            }
            start += shard.length;
        }
        Ok(bytes)
    }

    async fn shard(&mut self, index: usize, shard: &ShardEntry) -> Result<&[u8]> {
        if self.current.as_ref().is_none_or(|(held, _)| *held != index) {
            // Dropped first: two shards need never be in memory at once.
            self.current = None;
            let plain = self.source.read(shard).await?;
            assert_eq!(
                plain.len() as u64,
                shard.length,
                "bytes of shard {} from its source",
                shard.file
            );
            self.current = Some((index, plain));
        }
        Ok(self.current.as_ref().map_or(&[], |(_, plain)| plain))
    }
}
