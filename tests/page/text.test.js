// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { en } from "../../www/text/en.js";
import { zh } from "../../www/text/zh.js";

/** @param {string} text */
const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

test("every language says everything, with the same things filled in", () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) assert.deepEqual(holes(/** @type {Record<string, string>} */ (zh)[key] ?? ""), holes(text), key);
});

test("nothing is said twice under different names", () => {
  const texts = Object.values(en);
  assert.deepEqual(texts.filter((text, index) => texts.indexOf(text) !== index), []);
});
