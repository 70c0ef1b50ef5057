// @ts-check
/** Makes the shards of a checkpoint that are not stored yet: reads what each needs, several ranges at once, and stores it. */

import { CodedError, aborted } from "../protocol.js";
import { sha256 } from "./hash.js";
import { refuseIfTooLarge } from "./space.js";

/**
 * @typedef {import("../protocol.js").StoredKind} StoredKind
 * @typedef {import("../protocol.js").Shard} Shard
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {{ name(path: string): string, facts(path: string): Promise<{ length: number, version: string } | null>,
 *   readWhole(path: string): Promise<Uint8Array | null>,
 *   read(path: string, start: number, end: number, onCount?: (count: number) => void, buffer?: Uint8Array<ArrayBuffer>): Promise<Uint8Array> }} Files
 * @typedef {{ source: number, start: number, end: number }} Read
 * @typedef {{ component: string, shards: { file: string, length: number }[], reads: Read[] }} Unit
 * @typedef {{ kind: StoredKind, fingerprint: string, sources: { files: Files, path: string }[], units: Unit[] }} Plan
 * @typedef {object} Packing  the wasm module's
 * @property {Plan} plan
 * @property {(unit: number, read: number, bytes: Uint8Array) => void} accept
 * @property {(unit: number) => Uint8Array<ArrayBuffer>[]} finish
 * @property {(shards: Shard[]) => import("../protocol.js").Manifest} manifest
 * @typedef {Pick<import("./shard-store.js").ShardStore, "getManifest" | "getOrigin" | "hasShard" | "putMade" | "putManifest" | "removeKind">} Store
 */

/** Ranges that are asked for at once; each is 8 MiB at most. */
const LANES = 4;

export class Importer {
  #packing;
  #plan;
  #model;
  #store;
  #freeBytes;
  #onEvent;
  #stop;
  /** What is stored, by the plan's name for it. @type {Map<string, Shard>} */
  #stored = new Map();
  /** Bytes of each read that have come. @type {Map<Read, number>} */
  #received = new Map();
  #bytes = 0;
  /** Ends with what is being stored. @type {Promise<unknown>} */
  #storing = Promise.resolve();

  /**
   * @param {Packing} packing
   * @param {string} model
   * @param {object} parts
   * @param {Store} parts.store
   * @param {() => Promise<number | null>} parts.freeBytes  storage still free, where the browser tells
   * @param {(event: ProgressEvent) => void} parts.onEvent
   * @param {AbortController} parts.stop  ends the packing's reads
   */
  constructor(packing, model, { store, freeBytes, onEvent, stop }) {
    this.#packing = packing;
    // Each access has the module build it anew.
    this.#plan = packing.plan;
    this.#model = model;
    this.#store = store;
    this.#freeBytes = freeBytes;
    this.#onEvent = onEvent;
    this.#stop = stop;
  }

  /** Until every shard is stored, and the manifest with them; what was stored stays, whatever happens. */
  async run() {
    const plan = this.#plan;
    await this.#findStored();
    const missing = [...plan.units.keys()].filter((unit) => !this.#isStored(unit));
    const units = missing.map((unit) => this.#unit(unit));
    await this.#checkSpace(units);
    const all = readBytes(plan.units);
    this.#bytes = all - readBytes(units);
    this.#onEvent({ type: "download", bytes: this.#bytes, total: all });

    const queue = missing.flatMap((unit) => this.#unit(unit).reads.map((_, read) => ({ unit, read })));
    const left = new Map(missing.map((unit) => [unit, this.#unit(unit).reads.length]));
    for (const unit of missing) if (left.get(unit) === 0) await this.#keep(unit);
    /** @type {unknown} */
    let failure = null;
    const longest = Math.max(0, ...queue.map(({ unit, read }) => lengthOf(/** @type {Read} */ (this.#unit(unit).reads[read]))));
    const lane = async () => {
      // One for all of its reads: new ones pile up faster than they are collected.
      const buffer = new Uint8Array(longest);
      for (let next = queue.shift(); next && !this.#stop.signal.aborted; next = queue.shift()) {
        const { unit, read } = next;
        await this.#read(unit, read, all, buffer);
        const rest = (left.get(unit) ?? 0) - 1;
        left.set(unit, rest);
        if (rest === 0) await this.#keep(unit);
      }
    };
    const guarded = () =>
      lane().catch((error) => {
        failure ??= error;
        this.#stop.abort();
      });
    await Promise.all(Array.from({ length: LANES }, guarded));
    if (failure) throw failure;
    if (this.#stop.signal.aborted) throw aborted();
    const shards = plan.units.flatMap((unit) => unit.shards.map(({ file }) => /** @type {Shard} */ (this.#stored.get(file))));
    const here = await Promise.all(shards.map((shard) => this.#store.hasShard(this.#model, plan.kind, shard)));
    if (here.includes(false)) throw new CodedError("Storage", "Parts of the model vanished from the browser's storage while it was loaded.");
    await this.#store.putManifest(this.#model, this.#packing.manifest(shards));
  }

  /** @param {Unit[]} units  that are to be stored */
  async #checkSpace(units) {
    const shards = units.flatMap(({ shards }) => shards);
    const free = await this.#freeBytes();
    const needed = shards.reduce((sum, { length }) => sum + length, 0);
    this.#onEvent({ type: "space", needed, free });
    await refuseIfTooLarge(shards, async () => free);
  }

  /** @param {number} index @returns {Unit} */
  #unit(index) {
    return /** @type {Unit} */ (this.#plan.units[index]);
  }

  /** @param {number} unit */
  #isStored(unit) {
    return this.#unit(unit).shards.every(({ file }) => this.#stored.has(file));
  }

  async #findStored() {
    const { kind, fingerprint } = this.#plan;
    const origin = await this.#store.getOrigin(this.#model, kind);
    if (!origin) return;
    if (origin.fingerprint !== fingerprint) {
      if (await this.#store.getManifest(this.#model, kind)) {
        throw new CodedError("FileChanged", "The files are others than those that the stored model was made of.", {});
      }
      // Shards of other files are of no use to anybody.
      await this.#store.removeKind(this.#model, kind);
      return;
    }
    const found = Object.entries(origin.shards).map(async ([file, shard]) => {
      if (await this.#store.hasShard(this.#model, kind, shard)) this.#stored.set(file, shard);
    });
    await Promise.all(found);
  }

  /**
   * @param {number} unit
   * @param {number} index
   * @param {number} total
   * @param {Uint8Array<ArrayBuffer>} buffer
   */
  async #read(unit, index, total, buffer) {
    const read = /** @type {Read} */ (this.#unit(unit).reads[index]);
    const { files, path } = /** @type {Plan["sources"][number]} */ (this.#plan.sources[read.source]);
    const onCount = (/** @type {number} */ count) => {
      this.#bytes += count - (this.#received.get(read) ?? 0);
      this.#received.set(read, count);
      this.#onEvent({ type: "download", bytes: this.#bytes, total });
    };
    this.#packing.accept(unit, index, await files.read(path, read.start, read.end, onCount, buffer));
  }

  /**
   * One unit after the other: each is in memory several times while it is hashed and stored.
   * @param {number} unit
   */
  async #keep(unit) {
    const storing = this.#storing.then(() => this.#put(unit));
    this.#storing = storing.catch(() => {});
    await storing;
  }

  /** @param {number} unit */
  async #put(unit) {
    const { kind, fingerprint } = this.#plan;
    const bytes = this.#packing.finish(unit);
    const made = this.#unit(unit).shards.map(async ({ file, length }, index) => {
      const plain = /** @type {Uint8Array<ArrayBuffer>} */ (bytes[index]);
      return { file, length, sha256: await sha256(plain), bytes: plain };
    });
    const stored = await this.#store.putMade(this.#model, kind, fingerprint, await Promise.all(made));
    for (const [file, shard] of stored) this.#stored.set(file, shard);
  }
}

/** Stops when the user does, or by itself. @param {AbortSignal} signal */
export function follow(signal) {
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(), { once: true, signal: stop.signal });
  if (signal.aborted) stop.abort();
  return stop;
}

/** @param {Unit[]} units */
function readBytes(units) {
  return units.flatMap(({ reads }) => reads).reduce((sum, read) => sum + lengthOf(read), 0);
}

/** @param {Read} read */
function lengthOf({ start, end }) {
  return end - start;
}
