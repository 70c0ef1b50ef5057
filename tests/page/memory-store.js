// @ts-check
/** The shard store's interface over a Map, for tests without a browser; `full` makes every write fail as a full disk does. */

import { CodedError } from "../../www/protocol.js";

/** @implements {Store} @typedef {import("../../www/worker/model-source.js").Store} Store */
export class MemoryStore {
  /** @type {Map<string, { model: string, kind: import("../../www/protocol.js").Kind, file: string, sha256: string, length: number, bytes: Uint8Array<ArrayBuffer> }>} */
  shards = new Map();
  /** @type {Map<string, import("../../www/protocol.js").Manifest>} */
  manifests = new Map();
  /** In the order of writing. @type {string[]} */
  written = [];
  full = false;

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
    for (const map of [this.shards, this.manifests]) {
      for (const key of map.keys()) if (key.startsWith(`${model} `)) map.delete(key);
    }
  }
}
