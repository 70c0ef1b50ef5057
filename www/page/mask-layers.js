// @ts-check
/** The mask as it is while it is painted: with hard edges, softened, and as the hatched region that is seen. */

import { feathered } from "./feather.js";
import { alphaOf, canvasContext, drawMarks, drawOverlay, drawStroke, imageOf } from "./mask-drawing.js";

/**
 * @typedef {import("./fit.js").Part} Part
 * @typedef {import("./fit.js").Size} Size
 * @typedef {import("./strokes.js").Mark} Mark
 * @typedef {import("./strokes.js").Stroke} Stroke
 */

export class MaskLayers {
  #seen;
  #hard = canvasContext(1, 1);
  /** What is being painted has hard edges here too, until it is done. */
  #soft = canvasContext(1, 1, { read: false });
  /** @type {Part} */
  #part = { x: 0, y: 0, width: 1, height: 1 };
  #waiting = false;

  /** @param {HTMLCanvasElement} seen */
  constructor(seen) {
    this.#seen = seen;
  }

  /**
   * @param {Part} part  of the picture
   * @param {Size} frame  that shows it
   */
  place(part, { width, height }) {
    this.#part = part;
    for (const canvas of [this.#seen, this.#hard.canvas, this.#soft.canvas]) Object.assign(canvas, { width, height });
  }

  /** To be softened then. @param {readonly Mark[]} marks */
  replay(marks) {
    drawMarks(this.#hard, marks, this.#part);
  }

  /**
   * @param {Stroke} stroke
   * @param {number} first  point that is not drawn yet
   */
  extend(stroke, first) {
    for (const context of [this.#hard, this.#soft]) drawStroke(context, stroke, first);
    this.#paintSoon();
  }

  /** @param {number} sigma @returns {boolean} whether anything is painted */
  soften(sigma) {
    const { width, height } = this.#seen;
    const alpha = alphaOf(this.#hard);
    const painted = alpha.some(Boolean);
    drawMarks(this.#soft, [], this.#part);
    if (painted) this.#soft.putImageData(imageOf(feathered(alpha, width, height, sigma), width, "alpha"), 0, 0);
    this.#paintSoon();
    return painted;
  }

  /** Once a frame, however often a pointer moves. */
  #paintSoon() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      const context = this.#seen.getContext("2d");
      if (context) drawOverlay(context, this.#soft.canvas, getComputedStyle(this.#seen).color);
    });
  }
}

/**
 * White is to be redrawn, black is kept.
 * @param {readonly Mark[]} marks
 * @param {Part} part
 * @param {Size} size
 * @param {number} sigma
 * @returns {ImageData | null} null where nothing is painted
 */
export function maskOf(marks, part, { width, height }, sigma) {
  const context = canvasContext(width, height);
  drawMarks(context, marks, part);
  const alpha = alphaOf(context);
  return alpha.some(Boolean) ? imageOf(feathered(alpha, width, height, sigma), width, "grey") : null;
}
