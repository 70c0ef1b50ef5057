/** What the database of models holds; see shard-store.js. */

import type { Manifest, StoredKind } from "../protocol.js";
import type { DBSchema } from "../vendor/idb.js";
import type { Origin, ShardRecord } from "./shard-store.js";

export interface Schema extends DBSchema {
  shards: { key: [string, StoredKind, string]; value: ShardRecord; indexes: { identity: [string, StoredKind, string, string, number] } };
  manifests: { key: [string, StoredKind]; value: { model: string; kind: StoredKind; manifest: Manifest } };
  /** By GPU. */
  tunings: { key: string; value: object };
  origins: { key: [string, StoredKind]; value: Origin };
}
