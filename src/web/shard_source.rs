use std::io;

use js_sys::{Error as JsError, Function, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::settled;
use crate::error::ShardFault;
use crate::weights::manifest::ShardEntry;
use crate::weights::source::ShardSource;
use crate::{Error, Result};

/// Shards that the worker reads for us.
pub(super) struct JsShardSource {
    kind: &'static str,
    read: Function,
}

impl JsShardSource {
    pub fn new(kind: &'static str, read: Function) -> Self {
        Self { kind, read }
    }

    async fn bytes(&self, file: &str) -> std::result::Result<Uint8Array, JsValue> {
        let promise = self
            .read
            .call2(&JsValue::NULL, &self.kind.into(), &file.into())?;
        settled(promise).await?.dyn_into()
    }
}

impl ShardSource for JsShardSource {
    async fn read(&self, shard: &ShardEntry) -> Result<Vec<u8>> {
        let refuse = |fault| Error::BadShard {
            file: shard.file.clone(),
            fault,
        };
        let bytes = self.bytes(&shard.file).await.map_err(|thrown| {
            let reason = thrown
                .dyn_into::<JsError>()
                .map_or_else(|other| format!("{other:?}"), |e| e.message().into());
            refuse(ShardFault::Unreadable(io::Error::other(reason)))
        })?;
        let (actual, expected) = (u64::from(bytes.length()), shard.length);
        if actual != expected {
            return Err(refuse(ShardFault::Length { expected, actual }));
        }
        Ok(bytes.to_vec())
    }
}
