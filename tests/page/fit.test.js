// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { partShown, roomToMove } from "../../www/page/fit.js";

const MIDDLE = { x: 0.5, y: 0.5 };
const WIDE = { width: 1200, height: 600 };
const TALL = { width: 600, height: 1200 };
const SQUARE = { width: 1024, height: 1024 };

test("a picture is cut where it is longer than the frame, around its focus", () => {
  assert.deepEqual(partShown(WIDE, SQUARE, "crop", MIDDLE), { x: 300, y: 0, width: 600, height: 600 });
  assert.deepEqual(partShown(WIDE, SQUARE, "crop", { x: 1, y: 0 }), { x: 600, y: 0, width: 600, height: 600 });
  assert.deepEqual(partShown(TALL, SQUARE, "crop", { x: 0.3, y: 0.25 }), { x: 0, y: 150, width: 600, height: 600 });
});

test("a picture that is stretched is shown whole", () => {
  assert.deepEqual(partShown(WIDE, SQUARE, "stretch", { x: 1, y: 1 }), { x: 0, y: 0, ...WIDE });
});

test("a part has the frame's shape and lies in the picture", () => {
  for (const frame of [SQUARE, { width: 832, height: 1216 }, { width: 1536, height: 640 }]) {
    for (const picture of [WIDE, TALL, { width: 1, height: 1 }, { width: 4000, height: 3 }]) {
      const part = partShown(picture, frame, "crop", { x: 1, y: 1 });
      assert.ok(Math.abs(part.width / part.height - frame.width / frame.height) < 1e-9);
      assert.ok(part.x >= 0 && part.y >= 0 && part.x + part.width <= picture.width + 1e-9 && part.y + part.height <= picture.height + 1e-9);
    }
  }
});

test("there is room to move where something is cut off", () => {
  const room = (/** @type {import("../../www/page/fit.js").Size} */ picture) => roomToMove(picture, partShown(picture, SQUARE, "crop", MIDDLE));
  assert.deepEqual([WIDE, TALL, SQUARE, { width: 700, height: 700.5 }].map(room), ["x", "y", null, null]);
  assert.equal(roomToMove(WIDE, partShown(WIDE, SQUARE, "stretch", MIDDLE)), null);
});
