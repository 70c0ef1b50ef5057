// @ts-check
/** Importing with a packing made up here: which bytes are read, what is stored, and what a break in the middle leaves. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";

import { CodedError } from "../../www/protocol.js";
import { Importer } from "../../www/worker/importer.js";
import { MemoryStore } from "./memory-store.js";

/** @typedef {import("../../www/worker/importer.js").Packing} Packing */
/** @typedef {import("../../www/worker/importer.js").Plan} Plan */

const MODEL = "imported:test/q8/";
const UNITS = 12;
const READS = 3;
const READ_BYTES = 64;

/** @type {MemoryStore} */
let store;
/** Every range that was read, in order. @type {number[]} */
let read;
/** Throws where a read is to fail. @type {(start: number) => void} */
let trouble;

beforeEach(() => {
  store = new MemoryStore();
  read = [];
  trouble = () => {};
});

/** The source's byte at a place. @param {number} at */
const byteAt = (at) => (at * 7 + (at >> 6) * 31) % 256;

/** Units of one shard each, but for the third, which has two, and the last two, which are equal; each byte becomes its complement. */
class FakePacking {
  /** @type {Map<number, Map<number, Uint8Array>>} */
  #open = new Map();
  /** @type {Plan} */
  plan;

  /** @param {string} fingerprint */
  constructor(fingerprint) {
    const files = {
      name: () => "model.safetensors",
      facts: async () => null,
      readWhole: async () => null,
      read: async (/** @type {string} */ _, /** @type {number} */ start, /** @type {number} */ end, /** @type {((count: number) => void) | undefined} */ onCount) => {
        await null;
        read.push(start);
        trouble(start);
        onCount?.(end - start);
        return Uint8Array.from({ length: end - start }, (_, i) => byteAt(start + i));
      },
    };
    const units = Array.from({ length: UNITS }, (_, unit) => {
      const first = unit === UNITS - 1 ? UNITS - 2 : unit;
      const reads = Array.from({ length: READS }, (_, i) => ({ source: 0, start: (first * READS + i) * READ_BYTES, end: (first * READS + i + 1) * READ_BYTES }));
      const lengths = unit === 2 ? [100, READS * READ_BYTES - 100] : [READS * READ_BYTES];
      return { component: "unet", shards: lengths.map((length, i) => ({ file: `unet-${unit}-${i}.bin`, length })), reads };
    });
    this.plan = { kind: "base", fingerprint, sources: [{ files, path: "model.safetensors" }], units };
  }

  /** @type {Packing["accept"]} */
  accept(unit, index, bytes) {
    const open = this.#open.get(unit) ?? new Map();
    this.#open.set(unit, open.set(index, bytes));
  }

  /** @type {Packing["finish"]} */
  finish(unit) {
    const open = this.#open.get(unit) ?? new Map();
    assert.equal(open.size, READS, "every read of a unit was accepted");
    this.#open.delete(unit);
    const bytes = Uint8Array.from([0, 1, 2].flatMap((index) => [...(open.get(index) ?? [])]), (byte) => 255 - byte);
    let start = 0;
    return (this.plan.units[unit]?.shards ?? []).map(({ length }) => bytes.slice(start, (start += length)));
  }

  /** @type {Packing["manifest"]} */
  manifest(shards) {
    return { format: 1, name: "test", kind: "base", pipeline: {}, components: { unet: { config: {}, tensors: [], files: [], shards } } };
  }
}

/** @param {{ fingerprint?: string, stop?: AbortController, free?: number | null, onEvent?: (event: any) => void }} [options] */
function run({ fingerprint = "one", stop = new AbortController(), free = null, onEvent = () => {} } = {}) {
  return new Importer(new FakePacking(fingerprint), MODEL, { store, freeBytes: async () => free, onEvent, stop }).run();
}

function whole() {
  const manifest = store.manifests.get(`${MODEL} base`);
  assert.ok(manifest, "the manifest is stored");
  const shards = manifest.components.unet?.shards ?? [];
  assert.equal(shards.length, UNITS + 1);
  for (const { file, sha256, length } of shards) {
    const record = store.shards.get(`${MODEL} base ${file}`);
    assert.ok(record, file);
    assert.equal(record.bytes.length, length);
    assert.equal(createHash("sha256").update(record.bytes).digest("hex"), sha256);
  }
}

test("every shard is made and stored with its hash, the manifest last, and of equal ones one", async () => {
  await run();
  whole();
  assert.equal(read.length, UNITS * READS);
  assert.equal(store.written.at(-1), "base/manifest.json");
  assert.equal(store.shards.size, UNITS);
});

for (const point of [0, 1, 7, 17, 30]) {
  test(`cut off after ${point} reads, it goes on, and makes no stored shard again`, async () => {
    trouble = () => {
      if (read.length > point) throw new CodedError("Network", "cut");
    };
    await assert.rejects(run(), { name: "Network" });
    assert.equal(store.manifests.size, 0, "a manifest promises a whole model");
    const stored = new Set([...store.origins.values()].flatMap((origin) => Object.keys(origin.shards)));
    read = [];
    trouble = () => {};
    await run();
    whole();
    const { units } = new FakePacking("one").plan;
    const missing = units.filter(({ shards }) => shards.some(({ file }) => !stored.has(file)));
    const expected = missing.flatMap(({ reads }) => reads.map(({ start }) => start));
    assert.deepEqual(read.toSorted((a, b) => a - b), expected.toSorted((a, b) => a - b));
  });
}

test("a full disk keeps what was stored, and the next try goes on", async () => {
  store.room = 5;
  await assert.rejects(run(), { name: "Quota" });
  assert.equal(store.shards.size, 5);
  store.room = Infinity;
  read = [];
  await run();
  whole();
  assert.ok(read.length <= (UNITS - 4) * READS, `${read.length} reads`);
});

test("a cancelled import ends as one, and keeps what it has", async () => {
  const stop = new AbortController();
  trouble = () => {
    if (read.length === 10) stop.abort();
  };
  await assert.rejects(run({ stop }), { name: "AbortError" });
  assert.ok(store.shards.size > 0);
  assert.equal(store.manifests.size, 0);
});

test("of other files nothing is mixed with what is whole", async () => {
  await run();
  await assert.rejects(run({ fingerprint: "two" }), { name: "FileChanged" });
  whole();
});

test("what other files left unfinished is replaced", async () => {
  trouble = () => {
    if (read.length > 10) throw new CodedError("Network", "cut");
  };
  await assert.rejects(run(), { name: "Network" });
  trouble = () => {};
  read = [];
  await run({ fingerprint: "two" });
  whole();
  assert.equal(read.length, UNITS * READS);
});

test("a shard that was lost is made again, it alone", async () => {
  await run();
  await store.removeShard(MODEL, "base", "unet-5-0.bin");
  read = [];
  await run();
  whole();
  assert.equal(read.length, READS);
});

test("too little space is told before anything is read", async () => {
  /** @type {any[]} */
  const events = [];
  await assert.rejects(run({ free: 1000, onEvent: (event) => events.push(event) }), { name: "Quota" });
  assert.equal(read.length, 0);
  assert.deepEqual(events, [{ type: "space", needed: UNITS * READS * READ_BYTES, free: 1000 }]);
});

test("progress counts up to all bytes, over a break too", async () => {
  const total = UNITS * READS * READ_BYTES;
  /** @type {number[]} */
  const counts = [];
  const onEvent = (/** @type {any} */ event) => {
    if (event.type !== "download") return;
    assert.equal(event.total, total);
    counts.push(event.bytes);
  };
  trouble = () => {
    if (read.length > 20) throw new CodedError("Network", "cut");
  };
  await assert.rejects(run({ onEvent }));
  trouble = () => {};
  counts.length = 0;
  await run({ onEvent });
  assert.ok((counts[0] ?? 0) > 0, "what is stored counts as read");
  assert.equal(counts.at(-1), total);
  assert.deepEqual(counts, counts.toSorted((a, b) => a - b));
});
