// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { RecentPrompts } from "../../www/page/recent-prompts.js";

/** @param {string} [content]  of whatever is read first */
function storageWith(content) {
  let kept = content ?? null;
  return {
    getItem: () => kept,
    setItem: (/** @type {string} */ _key, /** @type {string} */ value) => {
      kept = value;
    },
    removeItem: () => {
      kept = null;
    },
  };
}

test("the last twenty are kept, each once, the latest first", () => {
  const storage = storageWith();
  const recent = new RecentPrompts(() => storage);
  assert.deepEqual(recent.all, []);
  for (let index = 0; index < 25; index++) recent.add({ prompt: `fox ${index}`, negativePrompt: null });
  recent.add({ prompt: "fox 10", negativePrompt: null });
  recent.add({ prompt: "fox 10", negativePrompt: "blurry" });
  const all = new RecentPrompts(() => storage).all;
  assert.equal(all.length, 20);
  assert.deepEqual(all.slice(0, 3), [
    { prompt: "fox 10", negativePrompt: "blurry" },
    { prompt: "fox 10", negativePrompt: null },
    { prompt: "fox 24", negativePrompt: null },
  ]);
  recent.clear();
  assert.deepEqual(recent.all, []);
});

test("what is stored may be anything", () => {
  for (const garbage of ["", "{", "7", "null", "{}", '[null, 7, "fox", [], {}, {"prompt": 7, "negativePrompt": null}, {"prompt": "fox"}]']) {
    const recent = new RecentPrompts(() => storageWith(garbage));
    assert.deepEqual(recent.all, [], garbage);
  }
  const sound = { prompt: "fox", negativePrompt: null };
  const recent = new RecentPrompts(() => storageWith(JSON.stringify([7, sound, ...Array(40).fill(sound)])));
  assert.deepEqual(recent.all, Array(20).fill(sound));
});

test("storage that refuses keeps nobody from drawing", () => {
  const refuse = () => {
    throw new DOMException("not here", "SecurityError");
  };
  for (const storage of [refuse, () => ({ getItem: refuse, setItem: refuse, removeItem: refuse })]) {
    const recent = new RecentPrompts(storage);
    recent.add({ prompt: "fox", negativePrompt: null });
    recent.clear();
    assert.deepEqual(recent.all, []);
  }
});
