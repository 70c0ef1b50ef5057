// @ts-check
/** The picture and the button that saves it. It makes the blob URL and gives it back. */

import { part } from "./element.js";
import { refinerIn } from "./picture-settings.js";
import { spellDuration } from "./step-clock.js";
import { say } from "./text.js";

/**
 * @typedef {import("../protocol.js").Picture} Picture
 * @typedef {import("../protocol.js").DrawRequest} DrawRequest
 */

const SLUG_LENGTH = 48;

export class ImageView {
  #container;
  #image;
  #save;
  #caption;
  /** @type {string | null} */
  #url = null;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    this.#image = part(container, "img", HTMLImageElement);
    this.#save = part(container, "a[download]", HTMLAnchorElement);
    this.#caption = part(container, "figcaption [data-part=caption]", HTMLElement);
  }

  /** Dims the picture of before. @param {{ drawing: boolean }} state */
  update({ drawing }) {
    this.#container.setAttribute("aria-busy", String(drawing));
  }

  /**
   * @param {Picture} picture
   * @param {DrawRequest} request
   * @param {number} seconds
   */
  async show({ width, height, png }, request, seconds) {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = URL.createObjectURL(new Blob([png], { type: "image/png" }));
    this.#image.width = width;
    this.#image.height = height;
    this.#image.style.setProperty("--ratio", String(width / height));
    this.#image.alt = request.prompt;
    this.#image.src = this.#url;
    this.#save.href = this.#url;
    this.#save.download = fileName(request);
    this.#caption.textContent = caption(request, seconds);
    this.#container.dataset.state = "picture";
    await this.#image.decode();
  }
}

/** @param {DrawRequest} request */
export function fileName({ prompt, seed }) {
  const slug = prompt
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]+/gu, "-")
    .slice(0, SLUG_LENGTH)
    .replace(/^-+|-+$/g, "");
  return `${slug || "picture"}-${seed}.png`;
}

/**
 * @param {DrawRequest} request
 * @param {number} seconds
 */
function caption({ width, height, seed, steps, guidanceScale, refiner }, seconds) {
  const refined = refiner ? say("captionRefiner", { how: refinerIn(refiner) }) : say("captionNoRefiner");
  const settings = [say("captionSeed", { seed }), say("captionSteps", { steps }), say("captionGuidance", { guidance: guidanceScale })];
  return [`${width} × ${height}`, ...settings, refined, spellDuration(seconds)].join(" · ");
}
