// @ts-check
/** LoRAs on this device. Each is a file, stored as it is in shards, by the way that checkpoints come: in ranges, checked, resumable. */

import { CodedError } from "../protocol.js";
import { checkHash } from "./download.js";
import { Importer, follow } from "./importer.js";
import { shardsOf } from "./manifest.js";
import { locationIn } from "./packing.js";

/**
 * @typedef {import("../protocol.js").StoredLora} StoredLora
 * @typedef {import("../protocol.js").LoraFacts} LoraFacts
 * @typedef {import("../protocol.js").LoraRequest} LoraRequest
 * @typedef {import("../protocol.js").Shard} Shard
 * @typedef {import("../protocol.js").Manifest} Manifest
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("./importer.js").Files} Files
 * @typedef {(name: string, json: Uint8Array, length: number) => LoraFacts} ReadFacts  the wasm module's
 * @typedef {Pick<import("./shard-store.js").ShardStore, "list" | "getManifest" | "getShard" | "hasShard">} Store
 */

const KIND = "lora";
const SHARD = 32 * 1024 * 1024;
const READ = 8 * 1024 * 1024;

/** Of a safetensors file: bytes before its header, which tell how long that is. */
const PREFIX = 8;
/** As `MAX_HEADER` in src/weights/header.rs. */
const MAX_HEADER = 16 * 1024 * 1024;

/** What diffusers calls the file of a repository that has one. */
const DIFFUSERS_FILE = "pytorch_lora_weights.safetensors";

const SCHEME = "lora:";

/** Under which a LoRA is stored, as a model is under its address. @param {string} name */
export function keyOf(name) {
  return `${SCHEME}${encodeURIComponent(name)}/`;
}

/** @param {string} key */
function nameOf(key) {
  return decodeURIComponent(key.slice(SCHEME.length, -1));
}

/**
 * @param {LoraRequest} request
 * @param {object} parts
 * @param {ReadFacts} parts.readFacts
 * @param {import("./importer.js").Store} parts.store
 * @param {import("./http.js").Fetch} parts.fetch
 * @param {() => Promise<number | null>} parts.freeBytes
 * @param {(event: ProgressEvent) => void} parts.onEvent
 * @param {AbortSignal} parts.signal
 */
export async function importLora({ name, from, token }, { readFacts, store, fetch, freeBytes, onEvent, signal }) {
  const stop = follow(signal);
  const { files, file } = locationIn(from, { fetch, token, signal: stop.signal });
  const packing = await LoraPacking.create(name, files, file ?? DIFFUSERS_FILE, readFacts);
  await new Importer(packing, keyOf(name), { store, freeBytes, onEvent, stop }).run();
}

/**
 * @param {Store} store
 * @returns {Promise<StoredLora[]>}  by name
 */
export async function listLoras(store) {
  const loras = [];
  for (const { model, kind, manifest, bytes } of await store.list()) {
    if (kind !== KIND) continue;
    loras.push({ name: nameOf(model), bytes, facts: /** @type {LoraFacts | undefined} */ (manifest?.components[KIND]?.config) ?? null });
  }
  return loras.sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * A LoRA's file.
 * @param {Store} store
 * @param {string} name
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function readLora(store, name) {
  const gone = () => new CodedError("MissingLora", `The LoRA "${name}" is not stored completely on this device.`, { lora: name });
  const manifest = await store.getManifest(keyOf(name), KIND);
  if (!manifest) throw gone();
  const shards = shardsOf(manifest);
  const bytes = new Uint8Array(shards.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const shard of shards) {
    const record = await store.getShard(keyOf(name), KIND, shard.file);
    if (!record) throw gone();
    await checkHash(record.bytes, shard);
    bytes.set(record.bytes, at);
    at += shard.length;
  }
  return bytes;
}

/** What `Packing` is for a checkpoint, for a file that stays as it is. */
export class LoraPacking {
  #name;
  #facts;
  /** @type {Map<number, Uint8Array<ArrayBuffer>>} */
  #open = new Map();
  /** @type {import("./importer.js").Plan} */
  plan;

  /**
   * Reads the header; what is no LoRA is refused here.
   * @param {string} name
   * @param {Files} files
   * @param {string} path
   * @param {ReadFacts} readFacts
   */
  static async create(name, files, path, readFacts) {
    const found = await files.facts(path);
    const bad = (/** @type {string} */ problem) => new CodedError("BadLora", `The LoRA "${name}" cannot be used: ${problem}.`, { lora: name });
    if (!found) throw bad(`there is no ${files.name(path)}`);
    const { length, version } = found;
    if (length < PREFIX) throw bad(`${length} bytes are no safetensors file`);
    const prefix = await files.read(path, 0, PREFIX);
    const header = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
    if (header > Math.min(MAX_HEADER, length - PREFIX)) throw bad(`its header claims ${header} bytes; the file has ${length}`);
    const facts = readFacts(name, await files.read(path, PREFIX, PREFIX + header), length);
    return new LoraPacking(name, facts, { files, path }, length, `${length} ${version}`);
  }

  /**
   * @param {string} name
   * @param {LoraFacts} facts
   * @param {{ files: Files, path: string }} source
   * @param {number} length
   * @param {string} fingerprint
   */
  constructor(name, facts, source, length, fingerprint) {
    this.#name = name;
    this.#facts = facts;
    const units = cuts(0, length, SHARD).map(({ start, end }, index) => ({
      component: KIND,
      shards: [{ file: `${KIND}-${String(index).padStart(3, "0")}.bin`, length: end - start }],
      reads: cuts(start, end, READ).map((range) => ({ source: 0, ...range })),
    }));
    this.plan = { kind: KIND, fingerprint, sources: [source], units };
  }

  /** @type {import("./importer.js").Packing["accept"]} */
  accept(unit, read, bytes) {
    const { shards, reads } = /** @type {import("./importer.js").Unit} */ (this.plan.units[unit]);
    const whole = this.#open.get(unit) ?? new Uint8Array(shards[0]?.length ?? 0);
    whole.set(bytes, (reads[read]?.start ?? 0) - (reads[0]?.start ?? 0));
    this.#open.set(unit, whole);
  }

  /** @type {import("./importer.js").Packing["finish"]} */
  finish(unit) {
    const whole = this.#open.get(unit);
    this.#open.delete(unit);
    return whole ? [whole] : [];
  }

  /**
   * @param {Shard[]} shards
   * @returns {Manifest}
   */
  manifest(shards) {
    return { format: 1, name: this.#name, kind: KIND, pipeline: {}, components: { [KIND]: { config: this.#facts, tensors: [], files: [], shards } } };
  }
}

/**
 * @param {number} start
 * @param {number} end
 * @param {number} most
 */
function cuts(start, end, most) {
  return Array.from({ length: Math.ceil((end - start) / most) }, (_, index) => ({ start: start + index * most, end: Math.min(end, start + (index + 1) * most) }));
}
