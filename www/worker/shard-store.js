// @ts-check
/** Shards and manifests of every model on this device, of which files imported ones were made, and what was found out about its GPU. */

import { Database } from "../database.js";

/**
 * @typedef {import("../protocol.js").StoredKind} StoredKind
 * @typedef {import("../protocol.js").Shard} Shard
 * @typedef {import("../protocol.js").Manifest} Manifest
 * @typedef {{ model: string, kind: StoredKind, file: string, sha256: string, length: number, bytes: Uint8Array<ArrayBuffer> }} ShardRecord
 * @typedef {{ model: string, kind: StoredKind, fingerprint: string, shards: Record<string, Shard> }} Origin  which shard is stored for each of a plan's
 * @typedef {{ file: string, length: number, sha256: string, bytes: Uint8Array<ArrayBuffer> }} Made  a shard that was made here
 */

const DATABASE = "sdxl-web";
const VERSION = 3;
const SHARDS = "shards";
const MANIFESTS = "manifests";
const TUNINGS = "tunings";
const ORIGINS = "origins";

/** Answers "is this very shard here?" from keys alone, without reading 32 MiB. */
const BY_IDENTITY = "identity";

export class ShardStore {
  /** @type {Database<import("./schema.js").Schema>} */
  #database;

  /** @param {string} [name] */
  constructor(name = DATABASE) {
    this.#database = new Database(name, VERSION, upgrade);
  }

  /**
   * @param {string} model
   * @param {StoredKind} kind
   * @param {Shard} shard
   * @returns {Promise<boolean>}
   */
  async hasShard(model, kind, shard) {
    return this.#database.use(`looking for shard "${shard.file}"`, async (db) => {
      const key = await db.getKeyFromIndex(SHARDS, BY_IDENTITY, [model, kind, shard.file, shard.sha256, shard.length]);
      return key !== undefined;
    });
  }

  /**
   * @param {string} model
   * @param {StoredKind} kind
   * @param {string} file
   * @returns {Promise<ShardRecord | undefined>}
   */
  async getShard(model, kind, file) {
    return this.#database.use(`reading shard "${file}"`, (db) => db.get(SHARDS, [model, kind, file]));
  }

  /**
   * @param {string} model
   * @param {StoredKind} kind
   * @param {Shard} shard
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async putShard(model, kind, shard, bytes) {
    /** @type {ShardRecord} */
    const record = { model, kind, file: shard.file, sha256: shard.sha256, length: shard.length, bytes };
    await this.#database.write(`storing shard "${shard.file}"`, [SHARDS], (store) => store.put(record));
  }

  /**
   * @param {string} model
   * @param {StoredKind} kind
   * @param {string} file
   */
  async removeShard(model, kind, file) {
    await this.#database.write(`removing shard "${file}"`, [SHARDS], (store) => store.delete([model, kind, file]));
  }

  /**
   * @param {string} model
   * @param {StoredKind} kind
   * @returns {Promise<Manifest | undefined>}
   */
  async getManifest(model, kind) {
    return this.#database.use("reading the stored manifest", async (db) => (await db.get(MANIFESTS, [model, kind]))?.manifest);
  }

  /**
   * @param {string} model
   * @param {Manifest} manifest
   */
  async putManifest(model, manifest) {
    await this.#database.write("storing the manifest", [MANIFESTS], (store) => store.put({ model, kind: manifest.kind, manifest }));
  }

  /**
   * The manifests go first: a removal cut short leaves shards to resume from, never a manifest that promises too much.
   * @param {string} model
   */
  async removeModel(model) {
    // Arrays sort after strings, so this range holds every key that begins with the model.
    const range = IDBKeyRange.bound([model], [model, []]);
    await this.#database.write("removing the manifests", [MANIFESTS], (store) => store.delete(range));
    await this.#database.write("removing what they were made of", [ORIGINS], (store) => store.delete(range));
    await this.#database.write("removing the shards", [SHARDS], (store) => store.delete(range));
  }

  /**
   * Which shards were made of a checkpoint, finished or not.
   * @param {string} model
   * @param {StoredKind} kind
   * @returns {Promise<Origin | undefined>}
   */
  async getOrigin(model, kind) {
    return this.#database.use("reading what a model was made of", (db) => db.get(ORIGINS, [model, kind]));
  }

  /**
   * Stores shards that were made together, all or none, and that they were. Of equal ones one is kept.
   * @param {string} model
   * @param {StoredKind} kind
   * @param {string} fingerprint  of the plan that they were made by
   * @param {Made[]} made
   * @returns {Promise<Map<string, Shard>>}  what is stored for each
   */
  async putMade(model, kind, fingerprint, made) {
    /** @type {Map<string, Shard>} */
    const stored = new Map();
    await this.#database.write(`storing shard "${made[0]?.file}"`, [SHARDS, ORIGINS], async (shards, origins) => {
      /** @type {Origin} */
      const origin = (await origins.get([model, kind])) ?? { model, kind, fingerprint, shards: {} };
      for (const { file, length, sha256, bytes } of made) {
        const equal = Object.values(origin.shards).find((each) => each.sha256 === sha256 && each.length === length);
        const shard = equal ?? { file, length, sha256, compression: null, stored_length: length };
        // Also where there is an equal one: its record may be what is missing.
        await shards.put({ model, kind, file: shard.file, sha256, length, bytes });
        origin.shards[file] = shard;
        stored.set(file, shard);
      }
      await origins.put(origin);
    });
    return stored;
  }

  /**
   * Removes one half of a model.
   * @param {string} model
   * @param {StoredKind} kind
   */
  async removeKind(model, kind) {
    /** @type {[string, StoredKind]} */
    const key = [model, kind];
    await this.#database.write("removing a manifest", [MANIFESTS], (store) => store.delete(key));
    await this.#database.write("removing what it was made of", [ORIGINS], (store) => store.delete(key));
    await this.#database.write("removing its shards", [SHARDS], (store) => store.delete(IDBKeyRange.bound(key, [...key, []])));
  }

  /**
   * Everything that is stored, whole or not.
   * @returns {Promise<{ model: string, kind: StoredKind, manifest: Manifest | null, bytes: number }[]>}
   */
  async list() {
    return this.#database.use("listing the models", async (db) => {
      /** @type {Map<string, { model: string, kind: StoredKind, manifest: Manifest | null, bytes: number }>} */
      const found = new Map();
      // Keys of the index tell the lengths; the shards themselves are not read.
      let cursor = await db.transaction(SHARDS).store.index(BY_IDENTITY).openKeyCursor();
      for (; cursor; cursor = await cursor.continue()) {
        const [model, kind, , , length] = cursor.key;
        const entry = found.get(`${kind} ${model}`) ?? { model, kind, manifest: null, bytes: 0 };
        entry.bytes += length;
        found.set(`${kind} ${model}`, entry);
      }
      for (const { model, kind, manifest } of await db.getAll(MANIFESTS)) {
        const entry = found.get(`${kind} ${model}`) ?? { model, kind, manifest: null, bytes: 0 };
        found.set(`${kind} ${model}`, { ...entry, manifest });
      }
      return [...found.values()];
    });
  }

  /**
   * What the engine found out about a GPU.
   * @param {string} gpu
   * @returns {Promise<object | undefined>}
   */
  async getTuning(gpu) {
    return this.#database.use("reading what is known of the GPU", (db) => db.get(TUNINGS, gpu));
  }

  /**
   * @param {string} gpu
   * @param {object} tuning
   */
  async putTuning(gpu, tuning) {
    await this.#database.write("storing what is known of the GPU", [TUNINGS], (store) => store.put(tuning, gpu));
  }

  async close() {
    await this.#database.close();
  }
}

/**
 * @param {import("../vendor/idb.js").IDBPDatabase<import("./schema.js").Schema>} db
 * @param {number} before  its version until now
 */
function upgrade(db, before) {
  if (before < 1) {
    const shards = db.createObjectStore(SHARDS, { keyPath: ["model", "kind", "file"] });
    shards.createIndex(BY_IDENTITY, ["model", "kind", "file", "sha256", "length"]);
    db.createObjectStore(MANIFESTS, { keyPath: ["model", "kind"] });
  }
  if (before < 2) db.createObjectStore(TUNINGS);
  db.createObjectStore(ORIGINS, { keyPath: ["model", "kind"] });
}
