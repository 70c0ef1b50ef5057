// @ts-check
/** The picture that a request starts from: how it fits the size that is drawn, and how much of it is drawn anew. */

import { part } from "./element.js";
import { partShown, roomToMove } from "./fit.js";
import { MaskPainter } from "./mask-painter.js";
import { decodePicture, receivePictures } from "./picture-source.js";
import { say } from "./text.js";

/**
 * @typedef {import("./fit.js").Fit} Fit
 * @typedef {import("./fit.js").Size} Size
 * @typedef {{ image: ImageData, mask: ImageData | null, strength: number }} Inputs
 */

const MIDDLE = { x: 0.5, y: 0.5 };

export class StartPicture {
  #container;
  #problem;
  #canvas;
  #focusField;
  #strengthField;
  #painter;
  /** @type {ImageBitmap | null} */
  #picture = null;
  /** Of the picture that is drawn. @type {Size} */
  #frame = { width: 1024, height: 1024 };
  #focus = { ...MIDDLE };
  /** As set for the whole picture and for a painted region, of which all is to be drawn anew. */
  #strengths = { whole: 0.5, region: 1 };
  /** The latest picture given; of several in a row, it stays. @type {Promise<void>} */
  #arriving = Promise.resolve();

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    this.#problem = part(container, ".problem", HTMLElement);
    this.#canvas = part(container, "[data-part=picture]", HTMLCanvasElement);
    this.#focusField = part(container, "#start-focus", HTMLInputElement);
    this.#strengthField = part(container, "#start-strength", HTMLInputElement);
    this.#painter = new MaskPainter(container, () => this.#showStrength());

    receivePictures(container, (file) => {
      this.set(file).catch((error) => {
        this.#problem.textContent = error.message;
      });
    });
    part(container, "[data-part=remove]", HTMLButtonElement).addEventListener("click", () => {
      this.remove();
      part(container, "[type=file]", HTMLInputElement).focus();
    });
    for (const radio of container.querySelectorAll("[name=start-fit]")) radio.addEventListener("change", () => this.#place());
    this.#focusField.addEventListener("input", () => this.#moveTo(Number(this.#focusField.value) / 100));
    this.#strengthField.addEventListener("input", () => {
      this.#strengths[this.#covers] = Number(this.#strengthField.value);
      this.#showStrength();
    });
    const paints = part(container, "[data-part=paints]", HTMLInputElement);
    paints.addEventListener("change", () => {
      this.#painter.isActive = paints.checked;
      this.#showStrength();
    });
    this.#painter.isActive = paints.checked;
    this.#listenToDrags();
    this.#showStrength();
  }

  get isThere() {
    return this.#picture !== null;
  }

  /** What a request starts from, with a picture that is still being read; null without a picture. @returns {Promise<Inputs | null>} */
  get inputs() {
    return this.#arriving.catch(() => {}).then(() => this.#read());
  }

  /**
   * @param {Blob} blob
   * @throws {CodedError} BadPicture; the picture of before stays
   */
  async set(blob) {
    this.#problem.textContent = "";
    // One after another, so that the last one stays whichever is read first.
    this.#arriving = Promise.allSettled([decodePicture(blob), this.#arriving]).then(([read]) => {
      if (read.status === "rejected") throw read.reason;
      this.#take(read.value);
    });
    await this.#arriving;
  }

  /** Only what is painted over is to be drawn anew. */
  paint() {
    const paints = part(this.#container, "[data-part=paints]", HTMLInputElement);
    paints.checked = true;
    paints.dispatchEvent(new Event("change"));
  }

  remove() {
    this.#problem.textContent = "";
    this.#picture?.close();
    this.#picture = null;
    this.#container.dataset.state = "empty";
  }

  /**
   * To the size that is drawn.
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.#frame = { width, height };
    this.#place();
  }

  /** @param {ImageBitmap} picture */
  #take(picture) {
    this.#picture?.close();
    this.#picture = picture;
    this.#focus = { ...MIDDLE };
    this.#container.dataset.state = "picture";
    this.#place();
    this.#painter.forget();
  }

  /** @returns {Inputs | null} */
  #read() {
    if (!this.#picture) return null;
    const { width, height } = this.#frame;
    const mask = this.#painter.isActive ? this.#painter.mask : null;
    return { image: this.#context.getImageData(0, 0, width, height), mask, strength: this.#strengths[mask ? "region" : "whole"] };
  }

  /** What the strength is of. @returns {"whole" | "region"} */
  get #covers() {
    return this.#painter.isActive && !this.#painter.isEmpty ? "region" : "whole";
  }

  get #context() {
    const context = this.#canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("This browser gives no more canvases");
    return context;
  }

  /** @param {Size} picture */
  #partOf(picture) {
    const fit = /** @type {Fit} */ (part(this.#container, "[name=start-fit]:checked", HTMLInputElement).value);
    return partShown(picture, this.#frame, fit, this.#focus);
  }

  #place() {
    if (!this.#picture) return;
    const shown = this.#partOf(this.#picture);
    this.#draw(this.#picture, shown);
    this.#painter.place(shown, this.#frame);
    const room = roomToMove(this.#picture, shown);
    this.#canvas.dataset.moves = room ?? "";
    part(this.#container, "[data-part=focus]", HTMLElement).hidden = !room;
    if (!room) return;
    part(this.#container, "label[for=start-focus]", HTMLLabelElement).textContent = say(room === "x" ? "focusAcross" : "focusDown");
    this.#focusField.value = String(100 * this.#focus[room]);
  }

  /**
   * @param {ImageBitmap} picture
   * @param {import("./fit.js").Part} shown
   */
  #draw(picture, { x, y, width, height }) {
    const frame = this.#frame;
    Object.assign(this.#canvas, frame);
    this.#canvas.parentElement?.style.setProperty("--ratio", String(frame.width / frame.height));
    const context = this.#context;
    context.imageSmoothingQuality = "high";
    // The engine knows no transparency.
    context.fillStyle = "white";
    context.fillRect(0, 0, frame.width, frame.height);
    context.drawImage(picture, x, y, width, height, 0, 0, frame.width, frame.height);
  }

  /** @param {number} share  of the way that there is room for */
  #moveTo(share) {
    if (!this.#picture) return;
    const room = roomToMove(this.#picture, this.#partOf(this.#picture));
    if (!room) return;
    this.#focus[room] = Math.min(1, Math.max(0, share));
    this.#place();
  }

  /** The picture can be dragged below its frame; for keys there is the slider. */
  #listenToDrags() {
    let last = { x: 0, y: 0 };
    this.#canvas.addEventListener("pointerdown", ({ pointerId, button, x, y }) => {
      last = { x, y };
      if (button === 0) this.#canvas.setPointerCapture(pointerId);
    });
    this.#canvas.addEventListener("pointermove", ({ pointerId, x, y }) => {
      if (!this.#picture || !this.#canvas.hasPointerCapture(pointerId)) return;
      const shown = this.#partOf(this.#picture);
      const box = this.#canvas.getBoundingClientRect();
      if (roomToMove(this.#picture, shown) === "x") {
        this.#moveTo(this.#focus.x - (((x - last.x) / box.width) * shown.width) / (this.#picture.width - shown.width));
      } else {
        this.#moveTo(this.#focus.y - (((y - last.y) / box.height) * shown.height) / (this.#picture.height - shown.height));
      }
      last = { x, y };
    });
  }

  #showStrength() {
    const covers = this.#covers;
    this.#strengthField.value = String(this.#strengths[covers]);
    part(this.#container, "output[for=start-strength]", HTMLOutputElement).value = this.#strengths[covers].toFixed(2);
    part(this.#container, "#hint-start-strength", HTMLElement).textContent = say(covers === "region" ? "strengthRegion" : "strengthWhole");
  }
}
