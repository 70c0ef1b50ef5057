// @ts-check
/** The only user of IndexedDB: shards and manifests of every model on this device, and what was found out about its GPU. */

import { openDB } from "../vendor/idb.js";
import { CodedError } from "../protocol.js";

/**
 * @typedef {import("../protocol.js").Kind} Kind
 * @typedef {import("../protocol.js").Shard} Shard
 * @typedef {import("../protocol.js").Manifest} Manifest
 * @typedef {{ model: string, kind: Kind, file: string, sha256: string, length: number, bytes: Uint8Array<ArrayBuffer> }} ShardRecord
 */

const DATABASE = "sdxl-web";
const VERSION = 2;
const SHARDS = "shards";
const MANIFESTS = "manifests";
const TUNINGS = "tunings";

/** Answers "is this very shard here?" from keys alone, without reading 32 MiB. */
const BY_IDENTITY = "identity";

export class ShardStore {
  #name;
  /** @type {Promise<any> | null} */
  #opening = null;

  /** @param {string} [name] */
  constructor(name = DATABASE) {
    this.#name = name;
  }

  /**
   * @param {string} model
   * @param {Kind} kind
   * @param {Shard} shard
   * @returns {Promise<boolean>}
   */
  async hasShard(model, kind, shard) {
    return this.#use(`looking for shard "${shard.file}"`, async (db) => {
      const key = await db.getKeyFromIndex(SHARDS, BY_IDENTITY, [model, kind, shard.file, shard.sha256, shard.length]);
      return key !== undefined;
    });
  }

  /**
   * @param {string} model
   * @param {Kind} kind
   * @param {string} file
   * @returns {Promise<ShardRecord | undefined>}
   */
  async getShard(model, kind, file) {
    return this.#use(`reading shard "${file}"`, (db) => db.get(SHARDS, [model, kind, file]));
  }

  /**
   * @param {string} model
   * @param {Kind} kind
   * @param {Shard} shard
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async putShard(model, kind, shard, bytes) {
    /** @type {ShardRecord} */
    const record = { model, kind, file: shard.file, sha256: shard.sha256, length: shard.length, bytes };
    await this.#write(`storing shard "${shard.file}"`, SHARDS, (store) => store.put(record));
  }

  /**
   * @param {string} model
   * @param {Kind} kind
   * @param {string} file
   */
  async removeShard(model, kind, file) {
    await this.#write(`removing shard "${file}"`, SHARDS, (store) => store.delete([model, kind, file]));
  }

  /**
   * @param {string} model
   * @param {Kind} kind
   * @returns {Promise<Manifest | undefined>}
   */
  async getManifest(model, kind) {
    return this.#use("reading the stored manifest", async (db) => (await db.get(MANIFESTS, [model, kind]))?.manifest);
  }

  /**
   * @param {string} model
   * @param {Manifest} manifest
   */
  async putManifest(model, manifest) {
    await this.#write("storing the manifest", MANIFESTS, (store) => store.put({ model, kind: manifest.kind, manifest }));
  }

  /**
   * The manifests go first: a removal cut short leaves shards to resume from, never a manifest that promises too much.
   * @param {string} model
   */
  async removeModel(model) {
    // Arrays sort after strings, so this range holds every key that begins with the model.
    const range = IDBKeyRange.bound([model], [model, []]);
    await this.#write("removing the manifests", MANIFESTS, (store) => store.delete(range));
    await this.#write("removing the shards", SHARDS, (store) => store.delete(range));
  }

  /**
   * What the engine found out about a GPU.
   * @param {string} gpu
   * @returns {Promise<object | undefined>}
   */
  async getTuning(gpu) {
    return this.#use("reading what is known of the GPU", (db) => db.get(TUNINGS, gpu));
  }

  /**
   * @param {string} gpu
   * @param {object} tuning
   */
  async putTuning(gpu, tuning) {
    await this.#write("storing what is known of the GPU", TUNINGS, (store) => store.put(tuning, gpu));
  }

  async close() {
    const opening = this.#opening;
    this.#opening = null;
    (await opening)?.close();
  }

  /** One connection for all calls; a failed or broken one is not kept, so that the next call tries again. */
  #connection() {
    const forget = () => {
      this.#opening = null;
    };
    this.#opening ??= openDB(this.#name, VERSION, {
      upgrade(/** @type {any} */ db, /** @type {number} */ before) {
        if (before < 1) {
          const shards = db.createObjectStore(SHARDS, { keyPath: ["model", "kind", "file"] });
          shards.createIndex(BY_IDENTITY, ["model", "kind", "file", "sha256", "length"]);
          db.createObjectStore(MANIFESTS, { keyPath: ["model", "kind"] });
        }
        db.createObjectStore(TUNINGS);
      },
      blocking: () => this.close(),
      terminated: forget,
    }).catch((/** @type {unknown} */ error) => {
      forget();
      throw error;
    });
    return this.#opening;
  }

  /**
   * @template T
   * @param {string} doing
   * @param {(db: any) => Promise<T>} run
   * @returns {Promise<T>}
   */
  async #use(doing, run) {
    try {
      return await run(await this.#connection());
    } catch (error) {
      throw storeError(doing, error);
    }
  }

  /**
   * Settles with the transaction, not with the request: only a complete transaction is on the disk, and quota shows as an abort.
   * @param {string} doing
   * @param {string} storeName
   * @param {(store: any) => Promise<unknown>} run
   */
  async #write(doing, storeName, run) {
    await this.#use(doing, async (db) => {
      const transaction = db.transaction(storeName, "readwrite");
      const [request, done] = await Promise.allSettled([run(transaction.store), transaction.done]);
      // The transaction knows the reason (quota); the request only that it was aborted with it.
      if (done.status === "rejected") throw done.reason;
      if (request.status === "rejected") throw request.reason;
    });
  }
}

/**
 * @param {string} doing
 * @param {any} error
 */
function storeError(doing, error) {
  if (error?.name === "QuotaExceededError") {
    return new CodedError("Quota", `The browser's storage is full (while ${doing}).`, {}, { cause: error });
  }
  // Never passed on as "AbortError": that name means that the user pressed cancel.
  const reason = error?.message || error?.name || String(error);
  return new CodedError("Storage", `The browser's storage failed while ${doing}: ${reason}`, {}, { cause: error });
}
