// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { stepsOf } from "../../www/page/run-steps.js";

for (const [what, request, hasPicture, steps] of /** @type {[string, Parameters<typeof stepsOf>[0], boolean, number][]} */ ([
  ["from noise", { steps: 20 }, false, 20],
  ["from noise, whatever the strength", { steps: 20, strength: 0.5 }, false, 20],
  ["from a picture", { steps: 25, strength: 0.3 }, true, 7],
  ["from a picture, without a strength", { steps: 20 }, true, 10],
  ["from a picture, anew", { steps: 20, strength: 1 }, true, 20],
  ["refined together", { steps: 20, refiner: { switchAt: 0.8 } }, false, 20],
  ["from a picture, refined together", { steps: 20, strength: 0.5, refiner: { switchAt: 0.8 } }, true, 10],
  ["refined afterwards", { steps: 20, refiner: { strength: 0.3 } }, false, 26],
  ["refined afterwards in a schedule of its own", { steps: 20, refiner: { strength: 0.3, steps: 10 } }, false, 23],
  ["by the refiner alone", { steps: 4, refiner: { strength: 0.3, steps: 10 }, skipBase: true }, true, 3],
])) {
  test(`steps ${what}`, () => assert.equal(stepsOf(request, hasPicture), steps));
}
