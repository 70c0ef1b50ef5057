// @ts-check
/** What the picture is going to be, after each step: a pixel for each of the latent's. */

/** @typedef {{ width: number, height: number, rgba: Uint8Array }} Preview */

export class PreviewView {
  #container;
  #canvas;

  /** @param {HTMLElement} container  of the picture */
  constructor(container) {
    this.#container = container;
    this.#canvas = document.createElement("canvas");
    this.#canvas.className = "preview";
    this.#canvas.setAttribute("aria-hidden", "true");
    this.#canvas.hidden = true;
    container.append(this.#canvas);
  }

  /** @param {Preview} preview */
  show({ width, height, rgba }) {
    Object.assign(this.#canvas, { width, height, hidden: false });
    this.#canvas.style.setProperty("--ratio", String(width / height));
    this.#canvas.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(rgba), width, height), 0, 0);
    this.#container.dataset.preview = "true";
  }

  clear() {
    this.#canvas.hidden = true;
    delete this.#container.dataset.preview;
  }
}
