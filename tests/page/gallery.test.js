// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { zipOf } from "../../www/page/archive.js";
import { search } from "../../www/page/gallery-search.js";
import { settingsOf } from "../../www/page/picture-settings.js";
import { bytesOf } from "../../www/page/picture-store.js";
import { unzip } from "./unzip.js";

/** @typedef {import("../../www/page/picture-store.js").PictureRecord} PictureRecord */

/**
 * @param {Partial<PictureRecord["request"]>} [request]
 * @param {Partial<PictureRecord>} [record]
 * @returns {PictureRecord}
 */
function picture(request = {}, record = {}) {
  return {
    id: 7,
    png: new Blob(["a picture"]),
    thumbnail: new Blob(["small"]),
    width: 1024,
    height: 768,
    model: "SDXL 1.0",
    seconds: 12.4,
    at: Date.UTC(2026, 0, 2, 12),
    ...record,
    request: {
      prompt: "a red apple",
      negativePrompt: null,
      seed: 123,
      steps: 30,
      guidanceScale: 5.5,
      width: 1024,
      height: 768,
      refiner: null,
      originalSize: null,
      cropTopLeft: null,
      targetSize: null,
      aestheticScore: null,
      negativeAestheticScore: null,
      loras: [],
      ...request,
    },
  };
}

const SHELF = [
  picture({ prompt: "A red apple, Café" }, { id: 3 }),
  picture({ prompt: "a green apple", negativePrompt: "red", seed: 4501 }, { id: 2 }),
  picture({ prompt: "一只红色的猫", seed: 9 }, { id: 1, model: "Juggernaut XL" }),
];
const idsFor = (/** @type {string} */ typed) => search(SHELF, typed).map(({ id }) => id);

test("nothing typed finds every picture", () => {
  assert.deepEqual(idsFor(""), [3, 2, 1]);
  assert.deepEqual(idsFor("  "), [3, 2, 1]);
});

test("every word has to be there, in any order, in prompt, negative prompt or model", () => {
  assert.deepEqual(idsFor("apple"), [3, 2]);
  assert.deepEqual(idsFor("apple red"), [3, 2]);
  assert.deepEqual(idsFor("apple sdxl green"), [2]);
  assert.deepEqual(idsFor("apple juggernaut"), []);
});

test("capitals and accents need not be typed", () => {
  assert.deepEqual(idsFor("CAFE"), [3]);
  assert.deepEqual(idsFor("café"), [3]);
});

test("words without spaces between them are found by a part", () => {
  assert.deepEqual(idsFor("红色"), [1]);
});

test("a seed is found while it is typed, not by digits in its middle", () => {
  assert.deepEqual(idsFor("45"), [2]);
  assert.deepEqual(idsFor("4501"), [2]);
  assert.deepEqual(idsFor("501"), []);
});

test("settings are told in words, and what was not used is left out", () => {
  const settings = Object.fromEntries(settingsOf(picture()));
  assert.deepEqual(Object.keys(settings), ["Prompt", "Seed", "Size", "Steps", "Guidance", "Model", "Drawn in", "Drawn on"]);
  assert.equal(settings.Size, "1024 × 768");
  assert.equal(settings["Drawn in"], "12 s");
});

test("settings tell refiner, sampler and LoRAs where they were used", () => {
  /** @type {Partial<import("../../www/protocol.js").DrawRequest>} */
  const used = { refiner: { switchAt: 0.8 }, sampling: { sampler: "euler_ancestral" }, negativePrompt: "blurry", loras: [{ name: "lcm", weight: 0.75 }, { name: "ink", weight: 1 }] };
  const settings = Object.fromEntries(settingsOf(picture(used)));
  assert.equal(settings.Refiner, "from 80 % of the way");
  assert.equal(settings.Sampler, "Euler a");
  assert.equal(settings["Negative prompt"], "blurry");
  assert.equal(settings.LoRAs, "lcm (0.75), ink (1)");
});

test("a picture takes the bytes of its PNG and of its thumbnail", () => {
  assert.equal(bytesOf([picture(), picture()]), 2 * ("a picture".length + "small".length));
});

test("a zip holds every picture under a name of its own, with its bytes", async () => {
  const files = unzip(new Uint8Array(await (await zipOf([picture(), picture({}, { id: 12345 }), SHELF[2] ?? picture()])).arrayBuffer()));
  assert.deepEqual([...files.keys()], ["0007-a-red-apple-123.png", "12345-a-red-apple-123.png", "0001-一只红色的猫-9.png"]);
  for (const bytes of files.values()) assert.equal(new TextDecoder().decode(bytes), "a picture");
});
