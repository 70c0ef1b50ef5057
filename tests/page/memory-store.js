// @ts-check
/** The shard store's interface over a Map, for tests without a browser; `full` makes every write fail as a full disk does. */

import { CodedError } from "../../www/protocol.js";

/** @typedef {import("../../www/worker/model-source.js").Store & import("../../www/worker/importer.js").Store & import("../../www/worker/loras.js").Store} Store */

/** @implements {Store} */
export class MemoryStore {
  /** @type {Map<string, { model: string, kind: import("../../www/protocol.js").StoredKind, file: string, sha256: string, length: number, bytes: Uint8Array<ArrayBuffer> }>} */
  shards = new Map();
  /** @type {Map<string, import("../../www/protocol.js").Manifest>} */
  manifests = new Map();
  /** In the order of writing. @type {string[]} */
  written = [];
  full = false;
  /** Shards that there is room for. */
  room = Infinity;
  /** @type {Map<string, import("../../www/worker/shard-store.js").Origin>} */
  origins = new Map();

  /** @type {Store["hasShard"]} */
  async hasShard(model, kind, shard) {
    const record = this.shards.get(`${model} ${kind} ${shard.file}`);
    return record?.sha256 === shard.sha256 && record.length === shard.length;
  }

  /** @type {Store["getShard"]} */
  async getShard(model, kind, file) {
    return this.shards.get(`${model} ${kind} ${file}`);
  }

  /** @type {Store["putShard"]} */
  async putShard(model, kind, { file, sha256, length }, bytes) {
    if (this.full) throw new CodedError("Quota", "full");
    this.shards.set(`${model} ${kind} ${file}`, { model, kind, file, sha256, length, bytes });
    this.written.push(`${kind}/${file}`);
  }

  /** @type {Store["removeShard"]} */
  async removeShard(model, kind, file) {
    this.shards.delete(`${model} ${kind} ${file}`);
  }

  /** @type {Store["getManifest"]} */
  async getManifest(model, kind) {
    return this.manifests.get(`${model} ${kind}`);
  }

  /** @type {Store["putManifest"]} */
  async putManifest(model, manifest) {
    this.manifests.set(`${model} ${manifest.kind}`, manifest);
    this.written.push(`${manifest.kind}/manifest.json`);
  }

  /** @type {Store["removeModel"]} */
  async removeModel(model) {
    for (const map of [this.shards, this.manifests, this.origins]) {
      for (const key of map.keys()) if (key.startsWith(`${model} `)) map.delete(key);
    }
  }

  /** @type {Store["getOrigin"]} */
  async getOrigin(model, kind) {
    return this.origins.get(`${model} ${kind}`);
  }

  /** @type {Store["putMade"]} */
  async putMade(model, kind, fingerprint, made) {
    if (this.shards.size + made.length > this.room) throw new CodedError("Quota", "full");
    const origin = this.origins.get(`${model} ${kind}`) ?? { model, kind, fingerprint, shards: {} };
    const stored = new Map();
    for (const { file, sha256, length, bytes } of made) {
      const equal = Object.values(origin.shards).find((shard) => shard.sha256 === sha256 && shard.length === length);
      const shard = equal ?? { file, length, sha256, compression: null, stored_length: length };
      this.shards.set(`${model} ${kind} ${shard.file}`, { model, kind, file: shard.file, sha256, length, bytes });
      origin.shards[file] = shard;
      stored.set(file, shard);
    }
    this.origins.set(`${model} ${kind}`, origin);
    return stored;
  }

  /** @type {Store["list"]} */
  async list() {
    /** @type {Map<string, Awaited<ReturnType<Store["list"]>>[number]>} */
    const found = new Map();
    for (const { model, kind, length } of this.shards.values()) {
      const entry = found.get(`${model} ${kind}`) ?? { model, kind, manifest: this.manifests.get(`${model} ${kind}`) ?? null, bytes: 0 };
      entry.bytes += length;
      found.set(`${model} ${kind}`, entry);
    }
    return [...found.values()];
  }

  /** @type {Store["removeKind"]} */
  async removeKind(model, kind) {
    this.manifests.delete(`${model} ${kind}`);
    this.origins.delete(`${model} ${kind}`);
    for (const key of this.shards.keys()) if (key.startsWith(`${model} ${kind} `)) this.shards.delete(key);
  }
}
