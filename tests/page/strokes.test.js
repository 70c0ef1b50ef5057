// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Strokes, interpolate, isNear, widthAt } from "../../www/page/strokes.js";

/** @typedef {import("../../www/page/strokes.js").Mark} Mark */

/** @type {Mark} */
const CLEAR = { kind: "clear" };
/** @type {Mark} */
const INVERT = { kind: "invert" };

/** @param {number} size @returns {Mark} */
const stroke = (size) => ({ kind: "stroke", erase: false, size, points: [{ x: 0, y: 0, pressure: 1 }] });

test("a way is cut into equal steps, and the pressure changes along it", () => {
  const points = interpolate({ x: 0, y: 10, pressure: 0 }, { x: 30, y: 50, pressure: 1 }, 12.5);
  assert.deepEqual(points, [
    { x: 7.5, y: 20, pressure: 0.25 },
    { x: 15, y: 30, pressure: 0.5 },
    { x: 22.5, y: 40, pressure: 0.75 },
    { x: 30, y: 50, pressure: 1 },
  ]);
});

test("a way that is short, or may be gone at once, is its end alone", () => {
  const [from, to] = [{ x: 3, y: 4, pressure: 0.5 }, { x: 6, y: 8, pressure: 0.5 }];
  assert.deepEqual(interpolate(from, to, 5), [to]);
  assert.deepEqual(interpolate(from, to, Infinity), [to]);
  assert.deepEqual(interpolate(from, from, 5), [from]);
});

test("the width follows the pressure, and never vanishes", () => {
  assert.deepEqual([1, 0.5, 0.1, 0, 7].map((pressure) => widthAt(40, pressure)), [40, 20, 4, 4, 40]);
});

test("what is near depends on the brush", () => {
  const [a, b] = [{ x: 0, y: 0, pressure: 1 }, { x: 0, y: 1, pressure: 1 }];
  assert.deepEqual([31, 32, 33].map((size) => isNear(a, b, size)), [false, false, true]);
});

test("marks are undone and done again in turn", () => {
  const strokes = new Strokes();
  const [first, second] = [stroke(1), stroke(2)];
  assert.deepEqual([strokes.canUndo, strokes.canRedo], [false, false]);
  strokes.add(first);
  strokes.add(second);
  strokes.undo();
  assert.deepEqual([strokes.visible, strokes.canUndo, strokes.canRedo], [[first], true, true]);
  strokes.undo();
  strokes.undo();
  assert.deepEqual([strokes.visible, strokes.canUndo, strokes.canRedo], [[], false, true]);
  strokes.redo();
  strokes.redo();
  strokes.redo();
  assert.deepEqual([strokes.visible, strokes.canUndo, strokes.canRedo], [[first, second], true, false]);
});

test("a new mark ends what could be done again", () => {
  const strokes = new Strokes();
  strokes.add(stroke(1));
  strokes.undo();
  strokes.add(INVERT);
  strokes.redo();
  assert.deepEqual([strokes.visible, strokes.canRedo], [[INVERT], false]);
});

test("clearing hides what came before, until it is undone", () => {
  const strokes = new Strokes();
  const marks = [stroke(1), CLEAR, stroke(2), CLEAR, INVERT];
  for (const mark of marks) strokes.add(mark);
  assert.deepEqual(strokes.visible, [INVERT]);
  strokes.undo();
  assert.deepEqual(strokes.visible, []);
  strokes.undo();
  assert.deepEqual(strokes.visible, [marks[2]]);
});
