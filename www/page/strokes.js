// @ts-check
/** What was painted, as strokes rather than bitmaps: a long history stays small, and it can be drawn anew at any size. */

/**
 * @typedef {{ x: number, y: number, pressure: number }} Point  in pixels of the picture below; pressure from 0 to 1
 * @typedef {{ kind: "stroke", erase: boolean, size: number, points: Point[] }} Stroke  size: the width at full pressure
 * @typedef {Stroke | { kind: "clear" } | { kind: "invert" }} Mark
 */

/** A pen that hardly touches still paints this share of the brush's size. */
const LEAST_WIDTH = 0.1;

/** Of the brush's size: points nearer than this tell nothing new. */
const NEAR = 1 / 32;

/**
 * @param {number} size
 * @param {number} pressure
 */
export function widthAt(size, pressure) {
  return size * Math.max(LEAST_WIDTH, Math.min(1, pressure));
}

/**
 * @param {Point} a
 * @param {Point} b
 * @param {number} size
 */
export function isNear(a, b, size) {
  return Math.hypot(b.x - a.x, b.y - a.y) < size * NEAR;
}

/**
 * The way from one point to another in equal steps no longer than `spacing`, so that the width changes little by little;
 * without `from`, with `to`.
 * @param {Point} from
 * @param {Point} to
 * @param {number} spacing
 * @returns {Point[]}
 */
export function interpolate(from, to, spacing) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / spacing));
  return Array.from({ length: steps }, (_, index) => {
    const share = (index + 1) / steps;
    const between = (/** @type {"x" | "y" | "pressure"} */ name) => from[name] + (to[name] - from[name]) * share;
    return { x: between("x"), y: between("y"), pressure: between("pressure") };
  });
}

export class Strokes {
  /** @type {Mark[]} */
  #done = [];
  /** The last undone is the first to be done again. @type {Mark[]} */
  #undone = [];

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Those that make up the mask: nothing before the last clearing does. */
  get visible() {
    return this.#done.slice(this.#done.findLastIndex(({ kind }) => kind === "clear") + 1);
  }

  /** @param {Mark} mark */
  add(mark) {
    this.#done.push(mark);
    this.#undone = [];
  }

  undo() {
    const mark = this.#done.pop();
    if (mark) this.#undone.push(mark);
  }

  redo() {
    const mark = this.#undone.pop();
    if (mark) this.#done.push(mark);
  }
}
