// @ts-check
/** What can be done about an error with one press, besides trying again. */

import { rollSeed } from "./request.js";
import { say } from "./text.js";

/**
 * @typedef {{ label: string, act: () => unknown }} Remedy
 * @typedef {import("../protocol.js").DrawRequest} DrawRequest
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {{ width: number, height: number }} Size
 */

/** These may go away with fewer pixels. */
const OF_SIZE = new Set(["OutOfMemory", "DeviceLost", "Device", "TooLarge", "LimitTooSmall"]);
const SMALLER = 0.75;
const OF_LORAS = new Set(["BadLora", "MissingLora"]);

/**
 * @param {string} code
 * @param {DrawRequest} request
 * @param {ModelFacts} facts
 * @param {(change: Size | { seed: number } | { loras: [] }) => unknown} redraw  the same, but for this
 * @returns {Remedy[]}
 */
export function remediesAtDrawing(code, request, facts, redraw) {
  if (code === "NotFinite") return [{ label: say("drawOtherSeed"), act: () => redraw({ seed: rollSeed() }) }];
  if (OF_LORAS.has(code)) return [{ label: say("drawWithoutLoras"), act: () => redraw({ loras: [] }) }];
  const smaller = OF_SIZE.has(code) ? smallerSize(request, facts) : null;
  return smaller ? [{ label: say("drawSmaller", smaller), act: () => redraw(smaller) }] : [];
}

/**
 * @param {string} code
 * @param {() => unknown} showModels  where they can be removed
 * @returns {Remedy[]}
 */
export function remediesOfStorage(code, showModels) {
  return code === "Quota" ? [{ label: say("showModels"), act: showModels }] : [];
}

/**
 * The next smaller size of about the same shape, if the model draws one.
 * @param {Size} size
 * @param {Pick<ModelFacts, "multiple" | "minSide">} facts
 * @returns {Size | null}
 */
export function smallerSize({ width, height }, { multiple, minSide }) {
  const side = (/** @type {number} */ pixels) => Math.round((pixels * SMALLER) / multiple) * multiple;
  const smaller = { width: side(width), height: side(height) };
  const fits = Math.min(smaller.width, smaller.height) >= minSide && smaller.width * smaller.height < width * height;
  return fits ? smaller : null;
}
