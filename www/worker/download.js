// @ts-check
/** Manifests and shards over HTTP. A shard reaches the store only when its length and its SHA-256 are right. */

import { CodedError, aborted } from "../protocol.js";
import { sha256 } from "./hash.js";
import { PAUSES_MS, collect, isMissing, overNetwork, refuseBadStatus, request, retrying } from "./http.js";
import { checkManifest } from "./manifest.js";

/**
 * @typedef {import("../protocol.js").Kind} Kind
 * @typedef {import("../protocol.js").Shard} Shard
 * @typedef {import("../protocol.js").Manifest} Manifest
 * @typedef {{ kind: Kind, url: string, shard: Shard }} Wanted
 * @typedef {import("./http.js").Fetch} Fetch
 */

/** At most this many shards (32 MiB each, twice while unpacking) are in memory at once. */
const PARALLEL = 3;

/**
 * @param {string} url
 * @param {Kind} kind
 * @param {{ fetch: Fetch, signal?: AbortSignal | undefined, pauses?: number[] | undefined }} options
 * @returns {Promise<Manifest>}
 */
export async function fetchManifest(url, kind, { fetch, signal, pauses = PAUSES_MS }) {
  return retrying(pauses, signal, async () => {
    const response = await request(fetch, url, { signal: signal ?? null });
    if (isMissing(response)) {
      throw new CodedError("MissingManifest", `There is no manifest at ${url} (status ${response.status}).`, { url });
    }
    refuseBadStatus(response, url);
    const text = await overNetwork(url, signal, () => response.text());
    let value;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new CodedError("BadManifest", `The manifest ${url} is not JSON.`, { url }, { cause });
    }
    return checkManifest(value, kind, url);
  });
}

/**
 * Loads the wanted shards and gives each to `keep`. The first failure stops the others; what was kept stays kept.
 *
 * @param {Wanted[]} wanted
 * @param {object} options
 * @param {(kind: Kind, shard: Shard, bytes: Uint8Array<ArrayBuffer>) => Promise<void>} options.keep
 * @param {(bytes: number) => void} options.onBytes  bytes over the network so far; a retried shard counts once
 * @param {Fetch} options.fetch
 * @param {AbortSignal | undefined} [options.signal]
 * @param {number[] | undefined} [options.pauses]
 */
export async function downloadShards(wanted, { keep, onBytes, fetch, signal, pauses = PAUSES_MS }) {
  const stop = new AbortController();
  const forward = () => stop.abort();
  signal?.addEventListener("abort", forward);
  if (signal?.aborted) stop.abort();

  /** @type {Map<Wanted, number>} */
  const received = new Map();
  const queue = [...wanted];
  /** @type {unknown} */
  let failure = null;

  async function takeFromQueue() {
    for (let item = queue.shift(); item && !stop.signal.aborted; item = queue.shift()) {
      const current = item;
      const bytes = await retrying(pauses, stop.signal, () =>
        fetchShard(current, fetch, stop.signal, (count) => {
          received.set(current, count);
          onBytes([...received.values()].reduce((sum, each) => sum + each, 0));
        }),
      );
      await keep(current.kind, current.shard, bytes);
    }
  }

  const lanes = Array.from({ length: Math.min(PARALLEL, wanted.length) }, () =>
    takeFromQueue().catch((error) => {
      failure ??= error;
      stop.abort();
    }),
  );
  await Promise.all(lanes);
  signal?.removeEventListener("abort", forward);
  if (signal?.aborted) throw aborted();
  if (failure) throw failure;
}

/**
 * @param {Wanted} wanted
 * @param {Fetch} fetch
 * @param {AbortSignal} signal
 * @param {(count: number) => void} onCount
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function fetchShard({ url, shard }, fetch, signal, onCount) {
  const response = await request(fetch, url, { signal });
  if (isMissing(response)) {
    throw new CodedError("MissingShard", `Shard "${shard.file}" is not at ${url} (status ${response.status}).`, { shard: shard.file });
  }
  refuseBadStatus(response, url);
  const stored = new Uint8Array(shard.stored_length);
  const count = await overNetwork(url, signal, () => collect(response.body, stored, onCount));
  if (count !== shard.stored_length) {
    const stated = `the ${shard.stored_length} bytes that the manifest states`;
    throw badShard(shard, count > shard.stored_length ? `it is longer than ${stated}` : `it is shorter than ${stated} (${count} came)`);
  }
  const plain = shard.compression === "gzip" ? await gunzip(stored, shard) : stored;
  if (plain.byteLength !== shard.length) {
    throw badShard(shard, `it holds ${plain.byteLength} bytes, the manifest states ${shard.length}`);
  }
  await checkHash(plain, shard);
  return plain;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Shard} shard
 */
export async function checkHash(bytes, shard) {
  const hex = await sha256(bytes);
  if (hex !== shard.sha256) {
    throw badShard(shard, `its SHA-256 begins ${hex.slice(0, 12)}, the manifest states ${shard.sha256.slice(0, 12)}`);
  }
}

/**
 * Unpacked from memory, after the body is whole: a broken gzip and a broken connection both throw a TypeError, and only one is worth a retry.
 * @param {Uint8Array<ArrayBuffer>} packed
 * @param {Shard} shard
 */
async function gunzip(packed, shard) {
  try {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const plain = new Uint8Array(shard.length);
    const count = await collect(stream, plain);
    if (count > shard.length) throw new Error(`it unpacks to more than ${shard.length} bytes`);
    return plain.subarray(0, count);
  } catch (cause) {
    throw badShard(shard, `it does not unpack (${/** @type {Error} */ (cause).message})`);
  }
}

/**
 * @param {Shard} shard
 * @param {string} why
 */
function badShard(shard, why) {
  return new CodedError("BadShard", `Shard "${shard.file}" is damaged: ${why}.`, { shard: shard.file });
}
