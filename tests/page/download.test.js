// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ModelSource } from "../../www/worker/model-source.js";
import { tinyModel } from "../browser/tiny-model.js";
import { MemoryStore } from "./memory-store.js";

const ADDRESS = "https://models.example/tiny/";

/** @type {Map<string, Buffer>} */
let files;
/** @type {MemoryStore} */
let store;
/** @type {string[]} */
let asked;
/** Paths that fail this many times before they are served. @type {Map<string, number>} */
let flaky;

beforeEach(() => {
  files = tinyModel();
  store = new MemoryStore();
  asked = [];
  flaky = new Map();
});

/** @type {import("../../www/worker/download.js").Fetch} */
async function fakeFetch(url, { signal }) {
  const path = url.slice(ADDRESS.length);
  asked.push(path);
  if (signal?.aborted) throw signal.reason;
  const failures = flaky.get(path) ?? 0;
  if (failures > 0) {
    flaky.set(path, failures - 1);
    throw new TypeError("Failed to fetch");
  }
  const bytes = files.get(path);
  return bytes ? new Response(new Uint8Array(bytes)) : new Response("no such file", { status: 404 });
}

/** @param {Partial<ConstructorParameters<typeof ModelSource>[1]>} [parts] */
function newSource(parts) {
  return new ModelSource(ADDRESS, { store, fetch: fakeFetch, pauses: [0, 0], ...parts });
}

/** @param {string} path */
function fileOf(path) {
  const bytes = files.get(path);
  assert.ok(bytes, path);
  return bytes;
}

/** @param {string} path @param {(bytes: Buffer) => Buffer} change */
function tamper(path, change) {
  files.set(path, change(Buffer.from(fileOf(path))));
}

/** @param {Buffer} bytes */
function flipOneByte(bytes) {
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  return bytes;
}

/** @param {object} change */
function changeFirstShard(change) {
  const manifest = JSON.parse(fileOf("base/manifest.json").toString());
  Object.assign(manifest.components.unet.shards[0], change);
  files.set("base/manifest.json", Buffer.from(JSON.stringify(manifest)));
}

/** @param {string[]} paths */
const shardsAmong = (paths) => paths.filter((path) => path.endsWith(".bin")).sort();
const ignore = () => {};

test("a first load stores every shard once and the base manifest last", async () => {
  await newSource().load(ignore);
  assert.deepEqual(shardsAmong(asked), [
    "base/tokenizer-000.bin",
    "base/unet-000.bin",
    "base/unet-001.bin",
    "base/unet-002.bin",
    "base/unet-003.bin",
    "refiner/unet-000.bin",
  ]);
  assert.deepEqual(store.written.slice(-2), ["refiner/manifest.json", "base/manifest.json"]);
  assert.equal(store.shards.size, 6);
});

test("byte progress ends at the total and never goes back", async () => {
  /** @type {any[]} */
  const events = [];
  await newSource().load((event) => events.push(event));
  const total = [...files].filter(([path]) => path.endsWith(".bin")).reduce((sum, [, bytes]) => sum + bytes.length, 0);
  assert.deepEqual(events[0], { type: "download", bytes: 0, total });
  assert.deepEqual(events.at(-1), { type: "download", bytes: total, total });
  assert.ok(events.every((event, index) => index === 0 || event.bytes >= events[index - 1].bytes));
  assert.ok(events.length > 6);
});

test("a second load, and one by a new worker, asks the network for nothing", async () => {
  const source = newSource();
  await source.load(ignore);
  asked = [];
  await source.load(ignore);
  const later = newSource();
  await later.load(ignore);
  assert.equal((await later.facts()).missing, 0);
  assert.equal((await later.readShard("base", "unet-001.bin")).byteLength, 4096);
  assert.deepEqual(asked, []);
});

test("a gzip shard is stored as its plain bytes", async () => {
  await newSource().load(ignore);
  const record = await store.getShard(ADDRESS, "base", "tokenizer-000.bin");
  assert.equal(Buffer.from(record?.bytes ?? []).toString("latin1", 0, 21), "vocabulary vocabulary");
  assert.equal(record?.bytes.byteLength, 4096);
});

test("a load that was cut off goes on with the shards that are missing", async () => {
  flaky.set("base/unet-003.bin", Infinity);
  await assert.rejects(newSource().load(ignore), { name: "Network" });
  const kept = new Set(store.written);
  assert.ok(kept.size > 0 && !kept.has("base/manifest.json"));

  flaky.clear();
  asked = [];
  await newSource().load(ignore);
  assert.ok(asked.includes("base/unet-003.bin"));
  assert.deepEqual(asked.filter((path) => kept.has(path)), []);
  assert.equal(store.manifests.size, 2);
});

test("progress of a resumed load starts at what is here", async () => {
  flaky.set("refiner/unet-000.bin", Infinity);
  await assert.rejects(newSource().load(ignore));
  const { bytes, missing } = await newSource().facts();
  assert.ok(missing < bytes && missing >= 4096);
  flaky.clear();
  /** @type {any[]} */
  const events = [];
  await newSource().load((event) => events.push(event));
  assert.equal(events[0].bytes, bytes - missing);
});

test("passing failures are tried again, lasting ones are not", async () => {
  flaky.set("base/unet-000.bin", 2);
  await newSource().load(ignore);
  assert.equal(asked.filter((path) => path === "base/unet-000.bin").length, 3);

  store = new MemoryStore();
  files.delete("base/unet-000.bin");
  asked = [];
  await assert.rejects(newSource().load(ignore), { name: "MissingShard", message: /unet-000\.bin/ });
  assert.equal(asked.filter((path) => path === "base/unet-000.bin").length, 1);
});

test("server errors are tried again", async () => {
  let answers = 0;
  const fetch = async (/** @type {string} */ url, /** @type {any} */ init) =>
    url.endsWith("unet-002.bin") && ++answers < 3 ? new Response("busy", { status: 503 }) : fakeFetch(url, init);
  await newSource({ fetch }).load(ignore);
  assert.equal(answers, 3);
});

test("a wrong byte is a BadShard that names the shard; what is stored stays, and only that shard is asked for again", async () => {
  const right = fileOf("base/unet-002.bin");
  tamper("base/unet-002.bin", flipOneByte);
  await assert.rejects(newSource().load(ignore), { name: "BadShard", message: /unet-002\.bin.*SHA-256/ });
  assert.equal(await store.getShard(ADDRESS, "base", "unet-002.bin"), undefined);
  assert.ok(store.shards.size >= 2);

  files.set("base/unet-002.bin", right);
  const kept = new Set(store.written);
  asked = [];
  await newSource().load(ignore);
  assert.deepEqual(asked.filter((path) => kept.has(path)), []);
});

test("a truncated shard is a BadShard that tells both lengths", async () => {
  tamper("base/unet-001.bin", (bytes) => bytes.subarray(0, 1000));
  await assert.rejects(newSource().load(ignore), { name: "BadShard", message: /unet-001\.bin.*4096.*1000/ });
});

test("too long a shard is a BadShard", async () => {
  tamper("base/unet-001.bin", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]));
  await assert.rejects(newSource().load(ignore), { name: "BadShard", message: /unet-001\.bin.*longer than the 4096/ });
});

test("a gzip that is broken is a BadShard, not a network failure", async () => {
  tamper("base/tokenizer-000.bin", (bytes) => {
    bytes[0] = 0;
    return bytes;
  });
  await assert.rejects(newSource().load(ignore), { name: "BadShard", message: /tokenizer-000\.bin.*unpack/ });
  assert.equal(asked.filter((path) => path === "base/tokenizer-000.bin").length, 1);
});

test("a gzip that unpacks to more than it says is refused", async () => {
  const manifest = JSON.parse(fileOf("base/manifest.json").toString());
  manifest.components.tokenizer.shards[0].length = 100;
  files.set("base/manifest.json", Buffer.from(JSON.stringify(manifest)));
  await assert.rejects(newSource().load(ignore), { name: "BadShard", message: /tokenizer-000\.bin.*more than 100/ });
});

test("a missing base manifest is told with its address", async () => {
  files.delete("base/manifest.json");
  await assert.rejects(newSource().facts(), { name: "MissingManifest", message: /models\.example\/tiny\/base\/manifest\.json/ });
});

test("a model without a refiner is a model", async () => {
  files.delete("refiner/manifest.json");
  const source = newSource();
  await source.load(ignore);
  assert.equal((await source.facts()).refiner, false);
  asked = [];
  assert.equal((await newSource().facts()).refiner, false);
  assert.deepEqual(asked, []);
});

for (const [what, change] of /** @type {[string, object][]} */ ([
  ["a name that leaves the folder", { file: "../../secret.bin" }],
  ["a hash that is none", { sha256: "abc" }],
  ["a negative length", { length: -1 }],
  ["a length beyond 32 MiB", { length: 2 ** 26 }],
  ["an unknown packing", { compression: "lzma" }],
  ["a stored length that is none", { stored_length: "many" }],
])) {
  test(`a manifest with ${what} is refused`, async () => {
    changeFirstShard(change);
    await assert.rejects(newSource().load(ignore), { name: "BadManifest", message: /component "unet"/ });
    assert.deepEqual(shardsAmong(asked), []);
  });
}

test("a page that is no JSON is a BadManifest", async () => {
  files.set("base/manifest.json", Buffer.from("<!doctype html>"));
  await assert.rejects(newSource().facts(), { name: "BadManifest", message: /not JSON/ });
});

test("a manifest of another format is refused", async () => {
  files.set("base/manifest.json", Buffer.from('{"format": 2, "kind": "base", "components": {}}'));
  await assert.rejects(newSource().facts(), { name: "BadManifest", message: /format is 2/ });
});

test("an abort stops the load, keeps what is stored, and is an AbortError", async () => {
  const controller = new AbortController();
  let seen = 0;
  const fetch = async (/** @type {string} */ url, /** @type {any} */ init) => {
    if (url.endsWith(".bin") && ++seen === 4) controller.abort();
    return fakeFetch(url, init);
  };
  await assert.rejects(newSource({ fetch }).load(ignore, controller.signal), { name: "AbortError" });
  assert.ok(store.shards.size < 6);
  assert.equal(store.manifests.size, 0);
  await newSource().load(ignore);
  assert.equal(store.shards.size, 6);
});

test("an abort ends the pause before the next try", async () => {
  const controller = new AbortController();
  flaky.set("base/unet-000.bin", Infinity);
  const loading = newSource({ pauses: [60_000] }).load(ignore, controller.signal);
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(loading, { name: "AbortError" });
});

test("a full disk is told as Quota, before loading where the browser tells its limit", async () => {
  await assert.rejects(newSource({ freeBytes: async () => 1000 }).load(ignore), { name: "Quota" });
  assert.deepEqual(shardsAmong(asked), []);
  store.full = true;
  await assert.rejects(newSource().load(ignore), { name: "Quota" });
});

test("a stored shard that went bad is found once, removed alone, and loaded again alone", async () => {
  await newSource().load(ignore);
  const record = await store.getShard(ADDRESS, "base", "unet-001.bin");
  assert.ok(record);
  record.bytes[7] = (record.bytes[7] ?? 0) ^ 1;

  const source = newSource();
  await source.readShard("base", "unet-000.bin");
  await assert.rejects(source.readShard("base", "unet-001.bin"), { name: "BadShard", message: /unet-001\.bin/ });
  assert.equal(store.shards.size, 5);
  asked = [];
  await source.load(ignore);
  assert.deepEqual(asked, ["base/unet-001.bin"]);
  assert.equal((await source.readShard("base", "unet-001.bin")).byteLength, 4096);
});

test("a stored shard that is gone is a MissingShard", async () => {
  const source = newSource();
  await source.load(ignore);
  await store.removeShard(ADDRESS, "base", "unet-001.bin");
  await assert.rejects(source.readShard("base", "unet-001.bin"), { name: "MissingShard", message: /unet-001\.bin/ });
  await assert.rejects(source.readShard("base", "never.bin"), { name: "MissingShard", message: /never\.bin/ });
});

test("forgetting a model leaves other models alone", async () => {
  const source = newSource();
  await source.load(ignore);
  const other = { ...JSON.parse(fileOf("base/manifest.json").toString()) };
  await store.putManifest("https://elsewhere.example/", other);
  await source.forget();
  assert.equal(store.shards.size, 0);
  assert.equal(store.manifests.size, 1);
});

test("the demo's facts are read from its configs", async () => {
  const { demo, side, multiple, minSide, maxSide, steps, guidance } = await newSource().facts();
  assert.deepEqual({ demo, side, multiple, minSide, maxSide, steps, guidance }, { demo: true, side: 256, multiple: 32, minSide: 64, maxSide: 512, steps: 20, guidance: 4 });
});

test("a model with SDXL's configs gets SDXL's defaults", async () => {
  const manifest = JSON.parse(fileOf("base/manifest.json").toString());
  manifest.name = "sdxl";
  manifest.components.unet.config.sample_size = 128;
  manifest.components.vae.config.block_out_channels = [128, 256, 512, 512];
  files.set("base/manifest.json", Buffer.from(JSON.stringify(manifest)));
  const { demo, side, multiple, steps, guidance } = await newSource().facts();
  assert.deepEqual({ demo, side, multiple, steps, guidance }, { demo: false, side: 1024, multiple: 8, steps: 30, guidance: 5 });
});
