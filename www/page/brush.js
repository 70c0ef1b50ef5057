// @ts-check
/** Where the brush is and whether it is down: by mouse, pen, touch or keyboard. A ring shows it. */

/**
 * @typedef {import("./fit.js").Part} Part
 * @typedef {import("./strokes.js").Point} Point
 */

/** Of the brush's size: how far an arrow key moves it. */
const ARROW_STEP = 1 / 4;

/** The bit of a pen that is turned over. */
const ERASER_END = 32;

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Brush {
  #canvas;
  #ring;
  #on;
  /** @type {Part} */
  #part = { x: 0, y: 0, width: 1, height: 1 };
  #size = 1;
  /** @type {Point} */
  #at = { x: 0, y: 0, pressure: 1 };
  /** What holds it down: a pointer, by its id, or the space bar. @type {number | "space" | null} */
  #held = null;

  /**
   * @param {HTMLCanvasElement} canvas  that shows a part of the picture, and can have the focus
   * @param {HTMLElement} ring
   * @param {object} on
   * @param {(at: Point, erases: boolean) => void} on.down  erases: whatever tool is chosen
   * @param {(to: Point) => void} on.drag
   * @param {() => void} on.up
   */
  constructor(canvas, ring, on) {
    this.#canvas = canvas;
    this.#ring = ring;
    this.#on = on;

    canvas.addEventListener("pointerdown", (event) => {
      const erases = (event.buttons & ERASER_END) !== 0;
      if (this.#held !== null || (event.button !== 0 && !erases)) return;
      canvas.setPointerCapture(event.pointerId);
      this.#moveTo(event);
      this.#press(event.pointerId, erases);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.#held === null) this.#moveTo(event);
      if (this.#held !== event.pointerId) return;
      const events = event.getCoalescedEvents();
      for (const each of events.length > 0 ? events : [event]) this.#moveTo(each);
    });
    canvas.addEventListener("pointerup", ({ pointerId }) => this.#release(pointerId));
    canvas.addEventListener("pointercancel", ({ pointerId }) => this.#release(pointerId));
    canvas.addEventListener("pointerleave", () => this.#showRing(canvas.matches(":focus-visible")));
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    canvas.addEventListener("keyup", ({ key }) => key === " " && this.#release("space"));
    canvas.addEventListener("focus", () => this.#showRing(canvas.matches(":focus-visible")));
    canvas.addEventListener("blur", () => {
      this.#release("space");
      this.#showRing(false);
    });
  }

  /** @param {Part} part  of the picture, that the canvas shows */
  place(part) {
    this.#part = part;
    this.#move(this.#at.x, this.#at.y);
  }

  center() {
    const { x, y, width, height } = this.#part;
    this.#move(x + width / 2, y + height / 2);
  }

  /** In pixels of the picture; where that is stretched, the brush is too. */
  get size() {
    return this.#size;
  }

  set size(size) {
    this.#size = size;
    this.#showRing(!this.#ring.hidden);
  }

  /** @param {number | "space"} what @param {boolean} erases */
  #press(what, erases) {
    this.#held = what;
    this.#on.down(this.#at, erases);
  }

  /** @param {number | "space"} what */
  #release(what) {
    if (this.#held !== what) return;
    this.#held = null;
    this.#on.up();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { key, shiftKey } = event;
    const arrow = event.ctrlKey || event.metaKey || event.altKey ? undefined : ARROWS[key];
    if (!arrow && key !== " ") return;
    event.preventDefault();
    if (arrow) {
      const step = this.#size * (shiftKey ? 1 : ARROW_STEP);
      this.#move(this.#at.x + arrow[0] * step, this.#at.y + arrow[1] * step);
    } else if (this.#held === null) {
      this.#press("space", false);
    }
    this.#showRing(true);
  }

  /** @param {PointerEvent} event */
  #moveTo({ clientX, clientY, pointerType, pressure }) {
    const box = this.#canvas.getBoundingClientRect();
    const { x, y, width, height } = this.#part;
    // Only a pen knows how hard it is pressed.
    this.#move(x + ((clientX - box.left) / box.width) * width, y + ((clientY - box.top) / box.height) * height, pointerType === "pen" ? pressure : 1);
    this.#showRing(pointerType !== "touch");
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} [pressure]
   */
  #move(x, y, pressure = 1) {
    const { x: left, y: top, width, height } = this.#part;
    this.#at = { x: Math.min(left + width, Math.max(left, x)), y: Math.min(top + height, Math.max(top, y)), pressure };
    if (this.#held !== null) this.#on.drag(this.#at);
  }

  /** @param {boolean} visible */
  #showRing(visible) {
    const { x, y, width, height } = this.#part;
    const percent = (/** @type {number} */ share) => `${100 * share}%`;
    this.#ring.hidden = !visible;
    Object.assign(this.#ring.style, {
      left: percent((this.#at.x - x) / width),
      top: percent((this.#at.y - y) / height),
      width: percent(this.#size / width),
      height: percent(this.#size / height),
    });
  }
}
