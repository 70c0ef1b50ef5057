// @ts-check
/** What the engine is given of a wish: folders, configs, and who gets the token. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { importModel } from "../../www/worker/packing.js";
import { MemoryStore } from "./memory-store.js";

/**
 * Looks at `model.safetensors` of each place that the engine would be given; the names and tokens that servers then see.
 * @param {Partial<import("../../www/protocol.js").ImportRequest>} wish
 */
async function seen(wish) {
  /** @type {Record<string, string | null>} */
  const tokens = {};
  const fetch = async (/** @type {string} */ url, /** @type {RequestInit} */ init) => {
    tokens[new URL(url).origin] = new Headers(init.headers).get("Authorization");
    return new Response(null, { status: 404 });
  };
  const Packing = {
    async create(/** @type {any} */ _, /** @type {any} */ { checkpoint, vae, configs }) {
      for (const { files } of [checkpoint, vae]) await files?.facts("model.safetensors");
      await configs.readWhole("model_index.json").catch(() => null);
      throw new Error("seen enough");
    },
  };
  const request = { model: "imported:test/", kind: "base", name: "test", scheme: "q8", vae: null, token: "s3cret", ...wish };
  const demo = { readFile: async () => new Uint8Array() };
  const parts = { Packing, store: new MemoryStore(), fetch, demo, freeBytes: async () => null, onEvent: () => {}, signal: new AbortController().signal };
  await assert.rejects(importModel(/** @type {any} */ (request), /** @type {any} */ (parts)), /seen enough/);
  return tokens;
}

test("a token goes to the checkpoint's server, and to no other", async () => {
  const elsewhere = await seen({ from: { address: "https://gated.example/sdxl/" }, vae: { address: "https://other.example/vae/" } });
  assert.equal(elsewhere["https://gated.example"], "Bearer s3cret");
  assert.equal(elsewhere["https://other.example"], null);
  const chosen = await seen({ from: { files: [{ path: "a.safetensors", file: new File([], "a") }] }, vae: { address: "https://other.example/vae/" } });
  assert.equal(chosen["https://other.example"], null);
  const same = await seen({ from: { address: "https://gated.example/sdxl/" }, vae: { address: "https://gated.example/vae/" } });
  assert.equal(same["https://gated.example"], "Bearer s3cret");
});
