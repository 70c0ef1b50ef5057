// @ts-check
/**
 * The demo model as diffusers would have saved it, out of its shards: what is quantized there is decoded, so that quantizing it once
 * more gives the same bytes.
 */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const DEMO = new URL("../../www/models/demo/", import.meta.url);
const BLOCK = 32;

/** @typedef {import("../../www/protocol.js").Kind} Kind */

/** @param {Kind} kind @returns {import("../../www/protocol.js").Manifest} */
export function demoManifest(kind) {
  return JSON.parse(readFileSync(new URL(`${kind}/manifest.json`, DEMO), "utf8"));
}

/**
 * @param {Kind} kind
 * @returns {Map<string, Buffer>} by path
 */
export function demoCheckpoint(kind) {
  const manifest = demoManifest(kind);
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  const json = (/** @type {string} */ path, /** @type {unknown} */ value) => files.set(path, Buffer.from(JSON.stringify(value)));
  json("model_index.json", { ...manifest.pipeline, text_encoder: kind === "base" ? ["transformers", "CLIPTextModel"] : [null, null] });
  for (const [name, { config, tensors, files: own, shards }] of Object.entries(manifest.components)) {
    const stream = Buffer.concat(shards.map(({ file, compression }) => plain(readFileSync(new URL(`${kind}/${file}`, DEMO)), compression)));
    if (name === "scheduler") json("scheduler/scheduler_config.json", config);
    else if (name.startsWith("tokenizer")) for (const [file, value] of Object.entries(config)) json(`${name}/${file}.json`, value);
    else json(`${name}/config.json`, config);
    for (const { name: file, offset, length } of own) files.set(`${name}/${file}`, stream.subarray(offset, offset + length));
    const stem = name.startsWith("text") ? "model" : "diffusion_pytorch_model";
    if (tensors.length > 0) files.set(`${name}/${stem}.safetensors`, safetensors(tensors, stream));
  }
  return files;
}

/**
 * @param {Buffer} bytes
 * @param {string | null} compression
 */
function plain(bytes, compression) {
  return compression ? gunzipSync(bytes) : bytes;
}

/**
 * @param {import("../../www/protocol.js").TensorEntry[]} tensors
 * @param {Buffer} stream
 */
function safetensors(tensors, stream) {
  /** @type {Record<string, object>} */
  const header = {};
  let at = 0;
  const data = tensors.map(({ name, shape, encoding, offset, length }) => {
    const stored = decode(stream.subarray(offset, offset + length), shape, encoding);
    const { values, shape: own } = channelsFirst(stored, shape);
    header[name] = { dtype: "F32", shape: own, data_offsets: [at, at + values.byteLength] };
    at += values.byteLength;
    return Buffer.from(values.buffer);
  });
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...data]);
}

/**
 * @param {Buffer} bytes
 * @param {number[]} shape
 * @param {string} encoding
 */
function decode(bytes, shape, encoding) {
  const count = shape.reduce((product, n) => product * n, 1);
  const values = new Float32Array(count);
  if (encoding === "f16") {
    for (let i = 0; i < count; i++) values[i] = half(bytes.readUInt16LE(2 * i));
    return values;
  }
  if (encoding !== "q8") throw new Error(`the demo has no tensor in ${encoding}`);
  const rows = shape[0] ?? 1;
  const columns = count / rows;
  const blocks = Math.ceil(columns / BLOCK);
  const scales = rows * blocks * BLOCK;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const block = row * blocks + Math.floor(column / BLOCK);
      values[row * columns + column] = bytes.readInt8(block * BLOCK + (column % BLOCK)) * half(bytes.readUInt16LE(scales + 2 * block));
    }
  }
  return values;
}

/**
 * A convolution as PyTorch has it.
 * @param {Float32Array} values
 * @param {number[]} shape
 */
function channelsFirst(values, shape) {
  if (shape.length !== 4) return { values, shape };
  const [out = 0, height = 0, width = 0, input = 0] = shape;
  const turned = new Float32Array(values.length);
  for (let o = 0; o < out; o++) {
    for (let pixel = 0; pixel < height * width; pixel++) {
      for (let i = 0; i < input; i++) turned[(o * input + i) * height * width + pixel] = values[(o * height * width + pixel) * input + i] ?? NaN;
    }
  }
  return { values: turned, shape: [out, input, height, width] };
}

/** @param {number} bits  of an f16 */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
