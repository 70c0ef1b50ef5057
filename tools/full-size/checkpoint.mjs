// @ts-check
/**
 * SDXL's published checkpoints, with every tensor's name, shape and byte in its place, and made-up values: f16, finite, a function
 * of where they stand, so that any range of a file can be had without the file.
 */

import { readFileSync, readdirSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const ROOT = new URL("../../", import.meta.url);
const CONFIGS = new URL("www/models/sdxl/", ROOT);
const COMPONENTS = /** @type {const} */ (["text_encoder", "text_encoder_2", "unet", "vae"]);
const BYTES_OF_F16 = 2;

/** @typedef {"base" | "refiner"} Kind */
/** A tensor: published name and shape; component, name and shape in diffusers. @typedef {[string, number[], string, string, number[]]} Row */
/** @typedef {{ length: number, read: (start: number, end: number) => Buffer }} MadeFile */

/**
 * A diffusers folder (`fp16` variant), or a single file as Stability AI published it, by path.
 * @param {Kind} kind
 * @param {"folder" | "single"} layout
 * @returns {Map<string, MadeFile>}
 */
export function checkpoint(kind, layout) {
  /** @type {{ rows: Row[] }} */
  const { rows } = JSON.parse(gunzipSync(readFileSync(new URL("tests/fixtures/sdxl-tensors.json.gz", ROOT))).toString())[kind];
  /** @type {Map<string, MadeFile>} */
  const files = new Map();
  if (layout === "single") {
    // Fused queries, keys and values are listed once for each.
    const tensors = new Map(rows.map(([name, shape]) => [name, shape]));
    files.set(`sd_xl_${kind}_1.0.safetensors`, safetensors([...tensors]));
    return files;
  }
  for (const component of COMPONENTS) {
    const tensors = rows.filter((row) => row[2] === component).map((row) => /** @type {[string, number[]]} */ ([row[3], row[4]]));
    const stem = component.startsWith("text") ? "model" : "diffusion_pytorch_model";
    if (tensors.length > 0) files.set(`${component}/${stem}.fp16.safetensors`, safetensors(tensors));
  }
  const folder = new URL(`${kind}/`, CONFIGS);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = `${entry.parentPath}/${entry.name}`.slice(folder.pathname.length).replace(/^\/+/, "");
    files.set(path, plain(readFileSync(new URL(path, folder))));
  }
  return files;
}

/** @param {Buffer} bytes @returns {MadeFile} */
export function plain(bytes) {
  return { length: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** @param {[string, number[]][]} tensors @returns {MadeFile} */
function safetensors(tensors) {
  /** @type {Record<string, object>} */
  const header = {};
  let at = 0;
  for (const [name, shape] of tensors.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const length = shape.reduce((product, n) => product * n, BYTES_OF_F16);
    header[name] = { dtype: "F16", shape, data_offsets: [at, at + length] };
    at += length;
  }
  const json = JSON.stringify(header);
  const padded = json.padEnd(Math.ceil(json.length / 8) * 8);
  const head = Buffer.alloc(8 + padded.length);
  head.writeBigUInt64LE(BigInt(padded.length));
  head.write(padded, 8);
  const read = (/** @type {number} */ start, /** @type {number} */ end) => {
    const front = head.subarray(start, Math.min(end, head.length));
    return end <= head.length ? front : Buffer.concat([front, values(Math.max(start, head.length) - head.length, end - head.length)]);
  };
  return { length: head.length + at, read };
}

/** Values repeat after a prime number of words, so that no two tensors and no two rows have the same ones. */
const PERIOD = 4 * 4_194_301;
const NOISE = noise();

/** Pseudo-random, two numbers of 2^-7 to 2 in each word. */
function noise() {
  const words = new Uint32Array(PERIOD / 4);
  for (let i = 0; i < words.length; i++) {
    let x = Math.imul(i, 0x9e3779b1);
    x = Math.imul(x ^ (x >>> 15), 0x85ebca77);
    x ^= x >>> 13;
    words[i] = (x & 0x9fff9fff) + 0x20002000;
  }
  return Buffer.from(words.buffer);
}

/**
 * @param {number} start
 * @param {number} end
 */
function values(start, end) {
  const parts = [];
  for (let at = start; at < end; ) {
    const from = at % PERIOD;
    const part = NOISE.subarray(from, Math.min(PERIOD, from + end - at));
    parts.push(part);
    at += part.length;
  }
  const [only] = parts;
  return parts.length === 1 && only ? only : Buffer.concat(parts);
}
