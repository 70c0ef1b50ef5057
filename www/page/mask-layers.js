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
  /** What is softened; null where nothing is painted. @type {Uint8ClampedArray | null} */
  #mask = null;

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

  /** @param {number} sigma */
  soften(sigma) {
    const { width, height } = this.#seen;
    const alpha = alphaOf(this.#hard);
    this.#mask = alpha && feathered(alpha, width, height, sigma);
    drawMarks(this.#soft, [], this.#part);
    if (this.#mask) this.#soft.putImageData(imageOf(this.#mask, width, "alpha"), 0, 0);
    this.#paintSoon();
  }

  /** White is to be redrawn, black is kept. */
  get mask() {
    return this.#mask && imageOf(this.#mask, this.#seen.width, "grey");
  }

  get isEmpty() {
    return !this.#mask;
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
