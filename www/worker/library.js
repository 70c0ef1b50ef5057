// @ts-check
/** The models on this device: what there is, whether it is whole and sound, and taking it along. */

import { CodedError, aborted } from "../protocol.js";
import { checkHash } from "./download.js";
import { checkManifest, shardsOf } from "./manifest.js";
import { tar } from "./tar.js";

/**
 * @typedef {import("../protocol.js").Kind} Kind
 * @typedef {import("../protocol.js").Manifest} Manifest
 * @typedef {import("../protocol.js").StoredModel} StoredModel
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {Pick<import("./shard-store.js").ShardStore,
 *   "list" | "hasShard" | "getManifest" | "getShard" | "putManifest" | "removeShard">} Store
 */

/** @type {Kind[]} */
const KINDS = ["base", "refiner"];

/**
 * @param {Store} store
 * @returns {Promise<StoredModel[]>}  by name
 */
export async function listModels(store) {
  /** @type {Map<string, StoredModel>} */
  const models = new Map();
  for (const { model, kind, manifest, bytes } of await store.list()) {
    if (kind === "lora") continue;
    const entry = models.get(model) ?? { model, name: null, bytes: 0, kinds: [], missing: 0 };
    entry.bytes += bytes;
    if (manifest) {
      entry.kinds.push(kind);
      if (kind === "base" || entry.name === null) entry.name = manifest.name;
      for (const shard of shardsOf(manifest)) if (!(await store.hasShard(model, kind, shard))) entry.missing++;
    }
    models.set(model, entry);
  }
  return [...models.values()].sort((a, b) => (a.name ?? a.model).localeCompare(b.name ?? b.model));
}

/**
 * Reads every shard of a model and compares its hash; removes those that are damaged, so that loading brings them again.
 * @param {Store} store
 * @param {string} model
 * @param {(event: ProgressEvent) => void} onEvent
 * @param {AbortSignal} signal
 * @returns {Promise<{ checked: number, bad: number }>}  shards
 */
export async function verifyModel(store, model, onEvent, signal) {
  const all = await shardsIn(store, model);
  const total = all.reduce((sum, { shard }) => sum + shard.length, 0);
  let bytes = 0;
  let bad = 0;
  for (const { kind, shard } of all) {
    if (signal.aborted) throw aborted();
    onEvent({ type: "verify", bytes, total });
    const record = await store.getShard(model, kind, shard.file);
    const sound = record && (await checkHash(record.bytes, shard).then(() => true, () => false));
    if (!sound) {
      bad++;
      if (record) await store.removeShard(model, kind, shard.file);
    }
    bytes += shard.length;
  }
  return { checked: all.length, bad };
}

/**
 * @param {Store} store
 * @param {string} model
 * @param {string} name
 */
export async function renameModel(store, model, name) {
  const trimmed = name.trim();
  if (!trimmed) throw new CodedError("BadName", "A model needs a name.", { field: "name" });
  for (const kind of KINDS) {
    const manifest = await store.getManifest(model, kind);
    if (manifest) await store.putManifest(model, { ...manifest, name: trimmed });
  }
}

/**
 * A model as one file: a tar of the folder that `pack` would make. Its shards stay in the browser's storage for files, not in memory.
 * @param {Store} store
 * @param {string} model
 * @param {(event: ProgressEvent) => void} onEvent
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
export async function exportModel(store, model, onEvent, signal) {
  const all = await shardsIn(store, model);
  const total = all.reduce((sum, { shard }) => sum + shard.length, 0);
  /** @type {{ path: string, content: Blob }[]} */
  const files = [];
  let bytes = 0;
  for (const { kind, shard } of all) {
    if (signal.aborted) throw aborted();
    onEvent({ type: "verify", bytes, total });
    const record = await store.getShard(model, kind, shard.file);
    if (!record) throw new CodedError("MissingShard", `Shard "${shard.file}" is no longer stored on this device.`, { shard: shard.file });
    await checkHash(record.bytes, shard);
    files.push({ path: `${kind}/${shard.file}`, content: new Blob([record.bytes]) });
    bytes += shard.length;
  }
  for (const kind of KINDS) {
    const manifest = await store.getManifest(model, kind);
    if (manifest) files.push({ path: `${kind}/manifest.json`, content: new Blob([JSON.stringify(plain(manifest))]) });
  }
  return tar(files);
}

/** Shards are stored as they are; a served model's may have come packed. @param {Manifest} manifest @returns {Manifest} */
function plain(manifest) {
  const components = Object.entries(manifest.components).map(([name, component]) => {
    const shards = component.shards.map((shard) => ({ ...shard, compression: null, stored_length: shard.length }));
    return [name, { ...component, shards }];
  });
  return { ...manifest, components: Object.fromEntries(components) };
}

/**
 * @param {Store} store
 * @param {string} model
 */
async function shardsIn(store, model) {
  const all = [];
  for (const kind of KINDS) {
    const manifest = await store.getManifest(model, kind);
    if (manifest) all.push(...shardsOf(checkManifest(manifest, kind, model)).map((shard) => ({ kind, shard })));
  }
  if (all.length === 0) throw new CodedError("NotLoaded", "This model is not stored completely.");
  return all;
}
