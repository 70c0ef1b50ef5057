// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { boxWidths, feathered } from "../../www/page/feather.js";

/** Of the gaussian that three boxes stand for: as much of 255 as its integral may differ. */
const NEAR_GAUSS = 0.03 * 255;

/** @param {number[]} widths */
const variance = (widths) => widths.reduce((sum, width) => sum + (width * width - 1) / 12, 0);

/** White from `x` on. @param {number} width @param {number} height @param {number} x */
const rightOf = (width, height, x) => Uint8ClampedArray.from({ length: width * height }, (_, i) => (i % width >= x ? 255 : 0));

test("boxes are odd and as wide as the gaussian asks", () => {
  assert.deepEqual(boxWidths(0), [1, 1, 1]);
  assert.deepEqual(boxWidths(1), [1, 3, 3]);
  assert.deepEqual(boxWidths(4), [7, 9, 9]);
  for (const sigma of [1, 2.5, 4, 8, 20, 64]) {
    const widths = boxWidths(sigma);
    assert.ok(widths.every((width) => width % 2 === 1));
    // One box wider or narrower by two is the least that can be changed.
    assert.ok(Math.abs(variance(widths) - sigma * sigma) <= (Math.max(...widths) + 1) / 6, `${sigma}: ${widths}`);
  }
});

test("without feather a mask stays as it is", () => {
  const mask = Uint8ClampedArray.from({ length: 12 }, (_, i) => (i * 71) % 256);
  assert.deepEqual(feathered(mask, 4, 3, 0), mask);
});

test("an edge becomes the integral of a gaussian", () => {
  const [width, sigma] = [64, 4];
  const row = feathered(rightOf(width, 1, 32), width, 1, sigma);
  const [left, right] = [[...row.slice(0, 32)].reverse(), [...row.slice(32)]];
  left.forEach((value, i) => assert.ok(Math.abs(value + (right[i] ?? 0) - 255) <= 1, `not symmetric ${i} from the edge`));
  // The integral at one and two sigmas.
  for (const [distance, share] of [[4, 0.8413], [8, 0.9772]]) {
    const between = ((row[31 + (distance ?? 0)] ?? 0) + (row[32 + (distance ?? 0)] ?? 0)) / 2;
    assert.ok(Math.abs(between - 255 * (share ?? 0)) < NEAR_GAUSS, `${between} at ${distance}`);
  }
  assert.ok(right.every((value, i) => value >= (right[i - 1] ?? 0)));
});

test("a point spreads alike in both directions, whatever the shape of the mask", () => {
  const [width, height, x, y] = [31, 23, 15, 11];
  const mask = new Uint8ClampedArray(width * height);
  mask[y * width + x] = 255;
  const soft = feathered(mask, width, height, 1);
  const at = (/** @type {number} */ dx, /** @type {number} */ dy) => soft[(y + dy) * width + x + dx];
  // The boxes of 1, 3 and 3 make 1 2 3 2 1 ninths in each direction.
  assert.deepEqual([at(0, 0), at(1, 0), at(0, 1), at(-1, -1), at(2, 2), at(3, 0), at(0, -3)], [28, 19, 19, 13, 3, 0, 0]);
});

test("a region painted up to the border stays whole there", () => {
  const soft = feathered(rightOf(40, 10, 20), 40, 10, 3);
  for (let y = 0; y < 10; y++) assert.deepEqual([soft[y * 40], soft[y * 40 + 39]], [0, 255]);
  assert.deepEqual(new Set(feathered(new Uint8ClampedArray(60).fill(255), 6, 10, 5)), new Set([255]));
});
