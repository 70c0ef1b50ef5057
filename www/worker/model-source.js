// @ts-check
/** One model at one address: its manifests, what of it is on this device, and its shards for the engine. */

import { CodedError } from "../protocol.js";
import { checkHash, downloadShards, fetchManifest } from "./download.js";
import { factsOf, shardsOf } from "./manifest.js";
import { refuseIfTooLarge } from "./space.js";

/**
 * @typedef {import("../protocol.js").Kind} Kind
 * @typedef {import("../protocol.js").Shard} Shard
 * @typedef {import("../protocol.js").Manifest} Manifest
 * @typedef {import("../protocol.js").Manifests} Manifests
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("./download.js").Wanted} Wanted
 * @typedef {import("./download.js").Fetch} Fetch
 * @typedef {Pick<import("./shard-store.js").ShardStore,
 *   "hasShard" | "getShard" | "putShard" | "removeShard" | "getManifest" | "putManifest" | "removeModel">} Store
 */

/** How the address of a model begins that was imported and is served nowhere. */
export const IMPORTED = "imported:";

export class ModelSource {
  #address;
  #store;
  #fetch;
  #pauses;
  #served;
  #freeBytes;
  /** @type {Manifests | null} */
  #manifests = null;
  /** Shards whose hash was checked since this worker started; once is enough, gigabytes take seconds. */
  #checked = new Set();

  /**
   * @param {string} address  of the folder that holds base/ and refiner/
   * @param {object} parts
   * @param {Store} parts.store
   * @param {Fetch} parts.fetch
   * @param {() => Promise<number | null>} [parts.freeBytes]  storage still free, where the browser tells
   * @param {number[]} [parts.pauses]  between tries, in milliseconds
   * @param {boolean} [parts.served]  whether what is not stored can be fetched
   */
  constructor(address, { store, fetch, freeBytes = async () => null, pauses, served = !address.startsWith(IMPORTED) }) {
    this.#address = address.endsWith("/") ? address : `${address}/`;
    this.#store = store;
    this.#fetch = fetch;
    this.#freeBytes = freeBytes;
    this.#pauses = pauses;
    this.#served = served;
  }

  get address() {
    return this.#address;
  }

  /**
   * The manifests: the stored ones if there are any (then nothing is asked of the network), else the server's.
   * @param {AbortSignal} [signal]
   * @returns {Promise<Manifests>}
   */
  async manifests(signal) {
    this.#manifests ??= (await this.#storedManifests()) ?? (await this.#servedManifests(signal));
    return this.#manifests;
  }

  /**
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("../protocol.js").ModelFacts>}
   */
  async facts(signal) {
    const manifests = await this.manifests(signal);
    const all = this.#wanted(manifests);
    return { ...factsOf(manifests), bytes: storedBytes(all), missing: storedBytes(await this.#missing(all)) };
  }

  /**
   * Brings every shard that is not here yet to this device, then the manifests.
   * @param {(event: ProgressEvent) => void} onEvent
   * @param {AbortSignal} [signal]
   */
  async load(onEvent, signal) {
    const manifests = await this.manifests(signal);
    const all = this.#wanted(manifests);
    const missing = await this.#missing(all);
    if (missing.length > 0) {
      if (!this.#served) throw incomplete();
      await refuseIfTooLarge(missing.map(({ shard }) => shard), this.#freeBytes);
      const total = storedBytes(all);
      const before = total - storedBytes(missing);
      onEvent({ type: "download", bytes: before, total });
      await downloadShards(missing, {
        fetch: this.#fetch,
        signal,
        pauses: this.#pauses,
        onBytes: (bytes) => onEvent({ type: "download", bytes: before + bytes, total }),
        keep: async (kind, shard, bytes) => {
          await this.#store.putShard(this.#address, kind, shard, bytes);
          this.#checked.add(`${kind}/${shard.file}`);
        },
      });
      onEvent({ type: "download", bytes: total, total });
    }
    await this.#keepManifests(manifests);
  }

  /**
   * The plain bytes of one shard. A damaged record is removed, it alone, so that the next load brings that shard again.
   * @param {Kind} kind
   * @param {string} file
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async readShard(kind, file) {
    const manifests = await this.manifests();
    const shard = manifests[kind] && shardsOf(manifests[kind]).find((each) => each.file === file);
    if (!shard) throw new CodedError("MissingShard", `The ${kind} manifest names no shard "${file}".`, { shard: file });
    const record = await this.#store.getShard(this.#address, kind, file);
    if (!record) throw new CodedError("MissingShard", `Shard "${file}" is no longer stored on this device.`, { shard: file });
    const name = `${kind}/${file}`;
    if (!this.#checked.has(name)) {
      try {
        await checkHash(record.bytes, shard);
      } catch (error) {
        await this.#store.removeShard(this.#address, kind, file);
        throw error;
      }
      this.#checked.add(name);
    }
    return record.bytes;
  }

  /**
   * A file that a component brings along, such as a tokenizer's vocabulary. Shards that are not stored are loaded, not kept.
   * @param {Kind} kind
   * @param {string} component
   * @param {string} name
   * @param {AbortSignal} [signal]
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async readFile(kind, component, name, signal) {
    const { files = [], shards = [] } = (await this.manifests(signal))[kind]?.components[component] ?? {};
    const file = files.find((each) => each.name === name);
    if (!file) throw new CodedError("MissingShard", `The ${kind} manifest names no file "${name}" of ${component}.`, { shard: name });
    const bytes = new Uint8Array(file.length);
    let start = 0;
    for (const shard of shards) {
      const [first, last] = [Math.max(file.offset, start), Math.min(file.offset + file.length, start + shard.length)];
      if (first < last) bytes.set((await this.#plain(kind, shard, signal)).subarray(first - start, last - start), first - file.offset);
      start += shard.length;
    }
    return bytes;
  }

  /**
   * @param {Kind} kind
   * @param {Shard} shard
   * @param {AbortSignal} [signal]
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async #plain(kind, shard, signal) {
    if (await this.#store.hasShard(this.#address, kind, shard)) return this.readShard(kind, shard.file);
    /** @type {Uint8Array<ArrayBuffer> | null} */
    let plain = null;
    const keep = async (/** @type {Kind} */ _, /** @type {Shard} */ __, /** @type {Uint8Array<ArrayBuffer>} */ bytes) => {
      plain = bytes;
    };
    const url = `${this.#address}${kind}/${shard.file}`;
    await downloadShards([{ kind, shard, url }], { fetch: this.#fetch, signal, pauses: this.#pauses, keep, onBytes: () => {} });
    return plain ?? new Uint8Array();
  }

  async forget() {
    this.#manifests = null;
    this.#checked.clear();
    await this.#store.removeModel(this.#address);
  }

  async #storedManifests() {
    // The base's is written last: with it, everything else was here once.
    const base = await this.#store.getManifest(this.#address, "base");
    if (!base) return null;
    return { base, refiner: (await this.#store.getManifest(this.#address, "refiner")) ?? null };
  }

  /** @param {AbortSignal} [signal] */
  async #servedManifests(signal) {
    if (!this.#served) throw incomplete();
    const options = { fetch: this.#fetch, signal, pauses: this.#pauses };
    const base = await fetchManifest(`${this.#address}base/manifest.json`, "base", options);
    /** @type {Manifest | null} */
    let refiner = null;
    try {
      refiner = await fetchManifest(`${this.#address}refiner/manifest.json`, "refiner", options);
    } catch (error) {
      if (!(error instanceof CodedError && error.name === "MissingManifest")) throw error;
    }
    return { base, refiner };
  }

  /** @param {Manifests} manifests */
  async #keepManifests({ base, refiner }) {
    if (await this.#store.getManifest(this.#address, "base")) return;
    if (refiner) await this.#store.putManifest(this.#address, refiner);
    await this.#store.putManifest(this.#address, base);
  }

  /**
   * @param {Manifests} manifests
   * @returns {Wanted[]}
   */
  #wanted({ base, refiner }) {
    const of = (/** @type {Kind} */ kind, /** @type {Manifest | null} */ manifest) =>
      manifest ? shardsOf(manifest).map((shard) => ({ kind, shard, url: `${this.#address}${kind}/${shard.file}` })) : [];
    return [...of("base", base), ...of("refiner", refiner)];
  }

  /** @param {Wanted[]} wanted */
  async #missing(wanted) {
    const here = await Promise.all(wanted.map(({ kind, shard }) => this.#store.hasShard(this.#address, kind, shard)));
    return wanted.filter((_, index) => !here[index]);
  }
}

function incomplete() {
  return new CodedError("Incomplete", "This model is not stored completely.");
}

/** @param {Wanted[]} wanted */
function storedBytes(wanted) {
  return wanted.reduce((sum, { shard }) => sum + shard.stored_length, 0);
}
