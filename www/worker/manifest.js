// @ts-check
/** Reads `manifest.json`, which comes from outside: nothing in it is believed before it was looked at. */

import { DEMO, SDXL } from "../defaults.js";
import { CodedError } from "../protocol.js";

/**
 * @typedef {import("../protocol.js").Manifest} Manifest
 * @typedef {import("../protocol.js").Manifests} Manifests
 * @typedef {import("../protocol.js").Component} Component
 * @typedef {import("../protocol.js").Shard} Shard
 * @typedef {import("../protocol.js").Kind} Kind
 */

const FORMAT = 1;
const MAX_SHARD = 32 * 1024 * 1024;

/** Plain names only: a manifest must not reach outside its folder. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * @param {unknown} value
 * @param {Kind} kind
 * @param {string} url  for the message
 * @returns {Manifest}
 */
export function checkManifest(value, kind, url) {
  /** @param {string} what */
  const bad = (what) => new CodedError("BadManifest", `The manifest ${url} is not usable: ${what}.`, { url });
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("it is not a JSON object");
  const { format, kind: stated, components } = /** @type {Partial<Record<keyof Manifest, unknown>>} */ (value);
  if (format !== FORMAT) throw bad(`its format is ${JSON.stringify(format)}, this page reads format ${FORMAT}`);
  if (stated !== kind) throw bad(`its kind is ${JSON.stringify(stated)}, expected "${kind}"`);
  if (typeof components !== "object" || components === null) throw bad("it has no components");
  for (const [name, component] of Object.entries(/** @type {Record<string, Partial<Record<keyof Component, unknown>> | null>} */ (components))) {
    if (typeof component?.config !== "object" || component.config === null) throw bad(`component "${name}" has no config`);
    if (!Array.isArray(component.shards)) throw bad(`component "${name}" has no list of shards`);
    for (const shard of component.shards) {
      const fault = shardFault(shard);
      if (fault) throw bad(`in component "${name}", ${fault}`);
    }
  }
  return /** @type {Manifest} */ (value);
}

/**
 * @param {Partial<Record<keyof Shard, unknown>> | null} shard
 * @returns {string | null}
 */
function shardFault(shard) {
  const { file, length, sha256, compression, stored_length: stored } = shard ?? {};
  if (typeof file !== "string" || !FILE_NAME.test(file)) return `${JSON.stringify(file)} is no shard file name`;
  if (!isCount(length) || length > MAX_SHARD) return `shard "${file}" has length ${length}`;
  if (typeof sha256 !== "string" || !SHA256.test(sha256)) return `shard "${file}" has no SHA-256`;
  if (compression !== null && compression !== "gzip") return `shard "${file}" is packed with ${compression}`;
  if (!isCount(stored) || stored > length || (!compression && stored !== length)) return `shard "${file}" has stored length ${stored}`;
  return null;
}

/** @param {unknown} value @returns {value is number} */
function isCount(value) {
  return Number.isInteger(value) && Number(value) >= 1;
}

/**
 * Each shard once, in the manifest's order: components with the same bytes name the same file.
 * @param {Manifest} manifest
 * @returns {Shard[]}
 */
export function shardsOf(manifest) {
  /** @type {Map<string, Shard>} */
  const shards = new Map();
  for (const component of Object.values(manifest.components)) {
    for (const shard of component.shards) {
      if (!shards.has(shard.file)) shards.set(shard.file, shard);
    }
  }
  return [...shards.values()];
}

/**
 * What the form needs, read from the configs where they say it.
 * @param {Manifests} manifests
 * @returns {Omit<import("../protocol.js").ModelFacts, "bytes" | "missing">}
 */
export function factsOf({ base, refiner }) {
  const demo = base.name === "demo";
  const { block_out_channels: channels = null } = base.components.vae?.config ?? {};
  const vaeFactor = 2 ** ((Array.isArray(channels) ? channels.length : 4) - 1);
  const side = Number(base.components.unet?.config.sample_size ?? 128) * vaeFactor;
  return {
    name: base.name,
    demo,
    side,
    // The demo was trained on sides that every level of its UNet divides; SDXL copes with any whole latent.
    multiple: demo ? 4 * vaeFactor : vaeFactor,
    minSide: side / 4,
    maxSide: side * 2,
    ...(demo ? DEMO : SDXL),
    refiner: refiner !== null,
  };
}
