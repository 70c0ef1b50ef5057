// @ts-check
/** A model of a few kilobytes with everything that matters for loading: two kinds, several shards, gzip, a file named twice. */

import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";

const SHARD_BYTES = 4096;

const VAE_FACTOR = 8;

/** Every path below the model's folder -> its bytes. `side` is of the pictures that it says it draws. */
export function tinyModel({ shards = 4, shardBytes = SHARD_BYTES, side = 256 } = {}) {
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  const weights = Array.from({ length: shards }, (_, index) => addShard(files, "base", `unet-00${index}.bin`, randomBytes(shardBytes)));
  const vocabulary = addShard(files, "base", "tokenizer-000.bin", Buffer.alloc(shardBytes, "vocabulary "), true);
  const refiner = addShard(files, "refiner", "unet-000.bin", randomBytes(shardBytes));
  const unet = { config: { sample_size: side / VAE_FACTOR }, tensors: [], files: [] };
  const tokenizer = { config: {}, tensors: [], files: [], shards: [vocabulary] };
  addManifest(files, "base", {
    unet: { ...unet, shards: weights },
    vae: { config: { block_out_channels: [32, 64, 96, 96] }, tensors: [], files: [], shards: [] },
    tokenizer,
    tokenizer_2: tokenizer,
  });
  addManifest(files, "refiner", { unet: { ...unet, shards: [refiner] } });
  return files;
}

/**
 * @param {Map<string, Buffer>} files
 * @param {"base" | "refiner"} kind
 * @param {string} file
 * @param {Buffer} plain
 * @param {boolean} [packed]
 */
function addShard(files, kind, file, plain, packed = false) {
  const stored = packed ? gzipSync(plain) : plain;
  files.set(`${kind}/${file}`, stored);
  return {
    file,
    length: plain.length,
    sha256: createHash("sha256").update(plain).digest("hex"),
    compression: packed ? "gzip" : null,
    stored_length: stored.length,
  };
}

/**
 * @param {Map<string, Buffer>} files
 * @param {"base" | "refiner"} kind
 * @param {object} components
 */
function addManifest(files, kind, components) {
  const manifest = { format: 1, name: "demo", kind, pipeline: {}, components };
  files.set(`${kind}/manifest.json`, Buffer.from(JSON.stringify(manifest)));
}
