// @ts-check
/** Draws strokes on a canvas whose alpha is the mask: opaque is to be redrawn. */

import { interpolate, widthAt } from "./strokes.js";

/**
 * @typedef {import("./fit.js").Part} Part
 * @typedef {import("./strokes.js").Mark} Mark
 * @typedef {import("./strokes.js").Stroke} Stroke
 */

/** Of the brush's size: steps in which the width follows the pressure. */
const STEP = 1 / 8;

/** Light and dark side by side stand out on every picture, the accent tells that it is the page's. */
const HATCH = { accent: 0.6, lines: 0.8, periods: 32 };

/**
 * @param {number} width
 * @param {number} height
 * @param {{ read: boolean }} [use]  one that is not read can stay on the GPU
 */
export function canvasContext(width, height, { read } = { read: true }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: read });
  if (!context) throw new Error("This browser gives no more canvases");
  return context;
}

/**
 * The canvas shows a part of the picture that the strokes are on.
 * @param {CanvasRenderingContext2D} context
 * @param {readonly Mark[]} marks
 * @param {Part} part
 */
export function drawMarks(context, marks, part) {
  const { width, height } = context.canvas;
  context.reset();
  const [across, down] = [width / part.width, height / part.height];
  context.setTransform(across, 0, 0, down, -part.x * across, -part.y * down);
  for (const mark of marks) {
    if (mark.kind === "stroke") drawStroke(context, mark);
    else if (mark.kind === "invert") invert(context, part);
  }
}

/**
 * @param {CanvasRenderingContext2D} context  with the transform that {@link drawMarks} leaves
 * @param {Stroke} stroke
 * @param {number} [from]  the first point that is not drawn yet
 */
export function drawStroke(context, { erase, size, points }, from = 0) {
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  context.lineCap = "round";
  for (const [index, point] of points.entries()) {
    if (index < from) continue;
    const before = points[index - 1];
    if (before) {
      let start = before;
      for (const next of interpolate(before, point, before.pressure === point.pressure ? Infinity : size * STEP)) {
        context.beginPath();
        context.moveTo(start.x, start.y);
        context.lineTo(next.x, next.y);
        context.lineWidth = widthAt(size, next.pressure);
        context.stroke();
        start = next;
      }
    } else {
      // A line without length would not be drawn.
      context.beginPath();
      context.arc(point.x, point.y, widthAt(size, point.pressure) / 2, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Part} part
 */
function invert(context, { x, y, width, height }) {
  context.globalCompositeOperation = "xor";
  context.fillRect(x, y, width, height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @returns {Uint8ClampedArray | null} null where all is transparent
 */
export function alphaOf(context) {
  const { width, height } = context.canvas;
  // Whole pixels at a time; wherever WebGPU runs, red is the lowest byte.
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const alpha = new Uint8ClampedArray(pixels.length);
  let painted = 0;
  for (let i = 0; i < alpha.length; i++) painted |= alpha[i] = (pixels[i] ?? 0) >>> 24;
  return painted ? alpha : null;
}

/**
 * In alpha for what is shown, in grey for what is exported.
 * @param {Uint8ClampedArray} mask
 * @param {number} width
 * @param {"alpha" | "grey"} as
 */
export function imageOf(mask, width, as) {
  const image = new ImageData(width, mask.length / width);
  const pixels = new Uint32Array(image.data.buffer);
  const [factor, opaque] = as === "alpha" ? [0x1000000, 0] : [0x010101, 0xff000000];
  for (let i = 0; i < pixels.length; i++) pixels[i] = (mask[i] ?? 0) * factor + opaque;
  return image;
}

/**
 * Shows the mask as a hatched region.
 * @param {CanvasRenderingContext2D} context
 * @param {CanvasImageSource} mask
 * @param {string} accent
 */
export function drawOverlay(context, mask, accent) {
  context.reset();
  context.drawImage(mask, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = hatch(context, accent);
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} accent
 */
function hatch(context, accent) {
  const side = Math.max(8, Math.round(Math.max(context.canvas.width, context.canvas.height) / HATCH.periods));
  const tile = canvasContext(side, side);
  tile.globalAlpha = HATCH.accent;
  tile.fillStyle = accent;
  tile.fillRect(0, 0, side, side);
  tile.globalAlpha = HATCH.lines;
  tile.lineWidth = side / 8;
  for (const [color, offset] of /** @type {const} */ ([["white", 0], ["black", 0.17]])) {
    tile.strokeStyle = color;
    tile.beginPath();
    // Thrice, for what a line that crosses a corner leaves in the tiles beside it.
    for (const start of [-1, 0, 1]) {
      tile.moveTo((start + offset - 0.5) * side, 1.5 * side);
      tile.lineTo((start + offset + 1.5) * side, -0.5 * side);
    }
    tile.stroke();
  }
  return context.createPattern(tile.canvas, "repeat") ?? accent;
}
