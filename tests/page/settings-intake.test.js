// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { withoutPlace } from "../../www/page/settings-intake.js";

test("of settings that the form has no field for, those are named that make a difference", () => {
  const refiner = { strength: 0.3, steps: 10 };
  assert.deepEqual(withoutPlace({ prompt: "a cat", prompt2: "ink", images: 2, steps: 20, refiner, negativeSizes: { originalSize: [1, 1], cropTopLeft: [0, 0], targetSize: [1, 1] } }), ["prompt2", "negativeSizes", "images", "refiner.steps"]);
  assert.deepEqual(withoutPlace({ prompt: "a cat", prompt2: "a cat", images: 1, steps: 10, refiner, negativeSizes: null }), []);
  assert.deepEqual(withoutPlace({ steps: 10, refiner: { switchAt: 0.8 } }), []);
});
