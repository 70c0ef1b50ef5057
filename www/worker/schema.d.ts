/** What the database holds; see shard-store.js. */

import type { Manifest, StoredKind } from "../protocol.js";
import type { DBSchema, IDBPDatabase, IDBPObjectStore, OpenDBCallbacks, StoreNames } from "../vendor/idb.js";
import type { Origin, ShardRecord } from "./shard-store.js";

interface Schema extends DBSchema {
  shards: { key: [string, StoredKind, string]; value: ShardRecord; indexes: { identity: [string, StoredKind, string, string, number] } };
  manifests: { key: [string, StoredKind]; value: { model: string; kind: StoredKind; manifest: Manifest } };
  /** By GPU. */
  tunings: { key: string; value: object };
  origins: { key: [string, StoredKind]; value: Origin };
}

export type Database = IDBPDatabase<Schema>;
export type Callbacks = OpenDBCallbacks<Schema>;
export type StoreName = StoreNames<Schema>;

/** A store in a transaction that writes. */
export type Store<Name extends StoreName> = IDBPObjectStore<Schema, StoreName[], Name, "readwrite">;
