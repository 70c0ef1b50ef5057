// @ts-check
/** LoRA files into a store made up here, and out of it again. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { CodedError } from "../../www/protocol.js";
import { importLora, keyOf, listLoras, readLora } from "../../www/worker/loras.js";
import { MemoryStore } from "./memory-store.js";

const FACTS = { triggerWords: ["foxy"], baseModel: "sdxl", preset: null };
const MEBI = 1024 * 1024;

/** @type {MemoryStore} */
let store;
/** @type {string[]} */
let read;

beforeEach(() => {
  store = new MemoryStore();
  read = [];
});

/** A file with a header of two bytes, of this length in all. @param {number} length */
function fileOf(length) {
  const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 20)) % 251);
  bytes.set([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]);
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {{ signal?: AbortSignal, readFacts?: import("../../www/worker/loras.js").ReadFacts }} [options]
 */
function bring(bytes, { signal = new AbortController().signal, readFacts = () => FACTS } = {}) {
  const file = new File([bytes], "fox.safetensors", { lastModified: 1 });
  const slice = file.slice.bind(file);
  file.slice = (start, end) => {
    read.push(`${start}-${end}`);
    return slice(start, end);
  };
  const request = { name: "fox", from: { files: [{ path: file.name, file }] }, token: null };
  const fetch = async () => new Response(null, { status: 404 });
  return importLora(request, { readFacts, store, fetch, freeBytes: async () => null, onEvent: () => {}, signal });
}

test("a file comes back byte for byte, whatever its length is to the shards'", async () => {
  for (const length of [10, 8 * MEBI, 32 * MEBI + 1]) {
    store = new MemoryStore();
    await bring(fileOf(length));
    assert.deepEqual(await readLora(store, "fox"), fileOf(length));
    assert.equal(store.shards.size, Math.ceil(length / (32 * MEBI)));
  }
});

test("its header is looked at before the rest is read", async () => {
  const bytes = fileOf(100);
  await bring(bytes, {
    readFacts: (name, json, length) => {
      assert.deepEqual([name, new TextDecoder().decode(json), length], ["fox", "{}", 100]);
      return FACTS;
    },
  });
  store = new MemoryStore();
  read = [];
  const refuse = () => {
    throw new CodedError("BadLora", "no LoRA");
  };
  await assert.rejects(bring(bytes, { readFacts: refuse }), { name: "BadLora" });
  assert.deepEqual([read, store.written], [["0-8", "8-10"], []]);
});

test("headers that lie about their length are refused", async () => {
  for (const start of [[255, 255, 255, 255, 255, 255, 255, 255], [100, 0, 0, 0, 0, 0, 0, 0], [1, 2, 3]]) {
    await assert.rejects(bring(Uint8Array.from(start)), { name: "BadLora" });
  }
});

test("what was stored when it was cut off is not read again", async () => {
  const bytes = fileOf(70 * MEBI);
  store.room = 2;
  await assert.rejects(bring(bytes), { name: "Quota" });
  assert.deepEqual(await listLoras(store), [{ name: "fox", bytes: 64 * MEBI, facts: null }]);
  await assert.rejects(readLora(store, "fox"), { name: "MissingLora" });
  store.room = Infinity;
  read = [];
  await bring(bytes);
  assert.deepEqual(read.filter((range) => !/^[08]-/.test(range)), [`${64 * MEBI}-${70 * MEBI}`]);
  assert.deepEqual(await readLora(store, "fox"), bytes);
});

test("those that are whole are listed, and a damaged one is not given out", async () => {
  await bring(fileOf(1000));
  assert.deepEqual(await listLoras(store), [{ name: "fox", bytes: 1000, facts: FACTS }]);
  const [record] = store.shards.values();
  if (record) record.bytes[5] = 1;
  await assert.rejects(readLora(store, "fox"), { name: "BadShard" });
  await store.removeModel(keyOf("fox"));
  assert.deepEqual(await listLoras(store), []);
});
