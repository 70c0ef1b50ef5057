// @ts-check
/** Paints the region of a picture that is to be redrawn: tools, history, and what comes of them. */

import { Brush } from "./brush.js";
import { part } from "./element.js";
import { MaskLayers } from "./mask-layers.js";
import { Strokes, isNear } from "./strokes.js";
import { say } from "./text.js";

/**
 * @typedef {import("./fit.js").Part} Part
 * @typedef {import("./fit.js").Size} Size
 * @typedef {import("./strokes.js").Mark} Mark
 * @typedef {import("./strokes.js").Point} Point
 * @typedef {import("./strokes.js").Stroke} Stroke
 */

/** Of the frame's shorter side. */
const WIDEST_FEATHER = 1 / 16;

/** One press of a key makes the brush this much larger. */
const SIZE_STEP = 1.2;

export class MaskPainter {
  #canvas;
  #tools;
  #size;
  #feather;
  /** As it was set, also where the frame is too small for it. */
  #wishedFeather;
  #layers;
  #brush;
  #onChange;
  #strokes = new Strokes();
  /** @type {Part} */
  #part = { x: 0, y: 0, width: 1, height: 1 };
  /** Being painted now. @type {Stroke | null} */
  #stroke = null;

  /**
   * @param {HTMLElement} container
   * @param {() => void} onChange  the mask is another one
   */
  constructor(container, onChange) {
    this.#canvas = part(container, "[data-part=mask]", HTMLCanvasElement);
    this.#tools = part(container, "[data-part=tools]", HTMLElement);
    this.#size = part(this.#tools, "#brush-size", HTMLInputElement);
    this.#feather = part(this.#tools, "#brush-feather", HTMLInputElement);
    this.#wishedFeather = this.#feather.value;
    this.#layers = new MaskLayers(this.#canvas);
    this.#brush = new Brush(this.#canvas, part(container, "[data-part=ring]", HTMLElement), {
      down: (at, erases) => this.#begin(at, erases),
      drag: (to) => this.#extend(to),
      up: () => this.#end(),
    });
    this.#onChange = onChange;

    this.#size.addEventListener("input", () => this.#showSizes());
    this.#feather.addEventListener("input", () => {
      this.#wishedFeather = this.#feather.value;
      this.#showSizes();
      this.#settle();
    });
    this.#onClick("undo", () => this.#undo());
    this.#onClick("redo", () => this.#redo());
    this.#onClick("clear", () => {
      if (this.#strokes.visible.length > 0) this.#add({ kind: "clear" });
    });
    this.#onClick("invert", () => this.#add({ kind: "invert" }));
    container.addEventListener("keydown", (event) => {
      if (this.isActive && this.#onKey(event)) event.preventDefault();
    });
  }

  get isActive() {
    return !this.#canvas.hidden;
  }

  /** While it is not, the picture below can be touched, and what was painted is kept. */
  set isActive(active) {
    this.#canvas.hidden = this.#tools.hidden = !active;
  }

  get isEmpty() {
    return this.#layers.isEmpty;
  }

  /**
   * The frame shows a part of the picture; what was painted stays where it is on the picture.
   * @param {Part} part
   * @param {Size} frame
   */
  place(part, frame) {
    this.#end();
    this.#part = part;
    this.#layers.place(part, frame);
    this.#brush.place(part);
    this.#feather.max = String(Math.round(Math.min(frame.width, frame.height) * WIDEST_FEATHER));
    this.#feather.value = this.#wishedFeather;
    this.#showSizes();
    this.#replay();
  }

  /** For another picture, of which a part is placed. */
  forget() {
    this.#end();
    this.#strokes = new Strokes();
    this.#brush.center();
    this.#replay();
  }

  /** Of the frame; white is to be redrawn, black is kept; null where nothing is painted. With what is being painted now. */
  get mask() {
    if (this.#stroke) this.#settle();
    return this.#layers.mask;
  }

  /** Whether the key was meant for it. @param {KeyboardEvent} event */
  #onKey({ key, ctrlKey, metaKey, shiftKey, altKey }) {
    // Where brackets need AltGr, Ctrl and Alt are said to be held.
    if (key === "[") this.#resize(1 / SIZE_STEP);
    else if (key === "]") this.#resize(SIZE_STEP);
    else if (!(ctrlKey || metaKey) || altKey || key.toLowerCase() !== "z") return false;
    else if (shiftKey) this.#redo();
    else this.#undo();
    return true;
  }

  /**
   * @param {Point} at
   * @param {boolean} erases
   */
  #begin(at, erases) {
    const erase = erases || part(this.#tools, "[value=eraser]", HTMLInputElement).checked;
    this.#stroke = { kind: "stroke", erase, size: this.#brush.size, points: [at] };
    this.#layers.extend(this.#stroke, 0);
  }

  /** @param {Point} to */
  #extend(to) {
    const last = this.#stroke?.points.at(-1);
    if (!this.#stroke || !last || isNear(last, to, this.#stroke.size)) return;
    this.#stroke.points.push(to);
    this.#layers.extend(this.#stroke, this.#stroke.points.length - 1);
  }

  #end() {
    if (!this.#stroke) return;
    this.#strokes.add(this.#stroke);
    this.#stroke = null;
    this.#settle();
  }

  /** @param {Mark} mark */
  #add(mark) {
    this.#end();
    this.#strokes.add(mark);
    this.#replay();
  }

  #undo() {
    this.#end();
    this.#strokes.undo();
    this.#replay();
  }

  #redo() {
    this.#end();
    this.#strokes.redo();
    this.#replay();
  }

  #replay() {
    this.#layers.replay(this.#strokes.visible);
    this.#settle();
  }

  /** After a stroke that is done, or with another feather. */
  #settle() {
    this.#layers.soften(Number(this.#feather.value));
    this.#enable("undo", this.#strokes.canUndo);
    this.#enable("redo", this.#strokes.canRedo);
    this.#enable("clear", this.#strokes.visible.length > 0);
    this.#onChange();
  }

  /** @param {number} factor */
  #resize(factor) {
    const now = Number(this.#size.value);
    // A small size would be rounded back to itself.
    this.#size.value = String(factor > 1 ? Math.max(now + 1, now * factor) : Math.min(now - 1, now * factor));
    this.#showSizes();
  }

  #showSizes() {
    const frame = this.#canvas;
    const size = (Number(this.#size.value) / 100) * Math.min(frame.width, frame.height);
    this.#brush.size = size * Math.sqrt((this.#part.width / frame.width) * (this.#part.height / frame.height));
    this.#showPixels(this.#size, size);
    this.#showPixels(this.#feather, Number(this.#feather.value));
  }

  /**
   * @param {HTMLInputElement} input
   * @param {number} count
   */
  #showPixels(input, count) {
    const text = say("pixels", { count: Math.round(count) });
    input.setAttribute("aria-valuetext", text);
    part(this.#tools, `output[for=${input.id}]`, HTMLOutputElement).value = text;
  }

  /**
   * @param {string} name
   * @param {() => void} action
   */
  #onClick(name, action) {
    part(this.#tools, `[data-part=${name}]`, HTMLButtonElement).addEventListener("click", action);
  }

  /**
   * A button that is disabled would lose the focus.
   * @param {string} name
   * @param {boolean} is
   */
  #enable(name, is) {
    part(this.#tools, `[data-part=${name}]`, HTMLButtonElement).setAttribute("aria-disabled", String(!is));
  }
}
