// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { remediesAtDrawing, remediesOfStorage, smallerSize } from "../../www/page/remedies.js";

const FACTS = /** @type {import("../../www/protocol.js").ModelFacts} */ ({ multiple: 8, minSide: 256 });
const REQUEST = /** @type {import("../../www/protocol.js").DrawRequest} */ ({ prompt: "a fox", seed: 7, width: 1024, height: 1024 });

test("the next smaller size keeps the shape, in the model's multiples", () => {
  assert.deepEqual(smallerSize({ width: 1024, height: 1024 }, FACTS), { width: 768, height: 768 });
  assert.deepEqual(smallerSize({ width: 1216, height: 832 }, FACTS), { width: 912, height: 624 });
  assert.deepEqual(smallerSize({ width: 640, height: 1536 }, FACTS), { width: 480, height: 1152 });
});

test("there is none below the model's least side, and none that is as large", () => {
  assert.equal(smallerSize({ width: 328, height: 1024 }, FACTS), null);
  assert.equal(smallerSize({ width: 256, height: 256 }, FACTS), null);
  assert.equal(smallerSize({ width: 64, height: 64 }, { multiple: 64, minSide: 64 }), null);
});

test("each error has the remedies that may help with it, and no other", () => {
  /** @type {object[]} */
  const changes = [];
  const remedies = (/** @type {string} */ code, request = REQUEST) => remediesAtDrawing(code, request, FACTS, (change) => changes.push(change));
  for (const code of ["OutOfMemory", "DeviceLost", "TooLarge", "LimitTooSmall"]) {
    const [remedy, ...others] = remedies(code);
    assert.deepEqual([remedy?.label, others], ["Draw it smaller: 768 × 768", []], code);
    remedy?.act();
    assert.deepEqual(changes.pop(), { width: 768, height: 768 });
    assert.deepEqual(remedies(code, { ...REQUEST, width: 256, height: 256 }), []);
  }
  const [reseed] = remedies("NotFinite");
  reseed?.act();
  const { seed } = /** @type {{ seed: number }} */ (changes.pop());
  assert.ok(Number.isInteger(seed) && seed !== REQUEST.seed);
  for (const code of ["BadLora", "MissingLora"]) {
    remedies(code)[0]?.act();
    assert.deepEqual(changes.pop(), { loras: [] }, code);
  }
  for (const code of ["BadShard", "Panic", "Quota", "Error"]) assert.deepEqual(remedies(code), []);

  assert.equal(remediesOfStorage("Quota", () => {}).length, 1);
  assert.deepEqual(remediesOfStorage("Network", () => {}), []);
});
