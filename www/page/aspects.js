// @ts-check
/** The sizes that SDXL was trained on, pictured. */

import { say } from "./text.js";

/** Of its forty (arXiv 2307.01952, appendix I), one of each shape that people ask for: width and height for a model of 1024 x 1024. */
const BUCKETS = /** @type {const} */ ([[640, 1536], [768, 1344], [832, 1216], [896, 1152], [1024, 1024], [1152, 896], [1216, 832], [1344, 768], [1536, 640]]);
const TRAINED_SIDE = 1024;

/** @typedef {{ width: number, height: number }} Size */

/**
 * @param {import("../protocol.js").ModelFacts} facts
 * @returns {Size[]}  for this model, each once
 */
export function sizesOf({ side, multiple, minSide, maxSide }) {
  const fitted = (/** @type {number} */ pixels) => Math.min(maxSide, Math.max(minSide, Math.round((pixels * side) / TRAINED_SIDE / multiple) * multiple));
  const sizes = BUCKETS.map(([width, height]) => ({ width: fitted(width), height: fitted(height) }));
  return sizes.filter((size, index) => sizes.findIndex((each) => each.width === size.width && each.height === size.height) === index);
}

export class Aspects {
  #container;
  #onChoose;

  /**
   * @param {HTMLElement} container
   * @param {(size: Size) => void} onChoose
   */
  constructor(container, onChoose) {
    this.#container = container;
    this.#onChoose = onChoose;
  }

  /** @param {import("../protocol.js").ModelFacts} facts */
  configure(facts) {
    this.#container.replaceChildren(...sizesOf(facts).map((size) => this.#choice(size)));
  }

  /** Marks the one of this size, if there is one. @param {Size} size */
  mark({ width, height }) {
    for (const radio of this.#container.querySelectorAll("input")) radio.checked = radio.value === `${width}x${height}`;
  }

  /** @param {Size} size */
  #choice({ width, height }) {
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "aspect", value: `${width}x${height}` });
    radio.addEventListener("change", () => this.#onChoose({ width, height }));
    radio.setAttribute("aria-label", say("sizeInPixels", { width, height }));
    const shape = document.createElement("span");
    shape.className = "shape";
    shape.style.aspectRatio = `${width} / ${height}`;
    shape.style[width >= height ? "width" : "height"] = "100%";
    label.title = `${width} × ${height}`;
    label.append(radio, shape);
    return label;
  }
}
