// @ts-check
/** Two pictures over one another, and a divider between them. It makes the blob URLs and gives them back. */

import { CodedError } from "../protocol.js";
import { part } from "./element.js";
import { say } from "./text.js";

/** @typedef {{ blob: Blob, name: string }} NamedPicture */

export class CompareView {
  #dialog;
  #pair;
  #divider;
  /** @type {string[]} */
  #urls = [];

  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.#dialog = dialog;
    this.#pair = part(dialog, ".pair", HTMLElement);
    this.#divider = part(dialog, "input[type=range]", HTMLInputElement);
    this.#divider.addEventListener("input", () => this.#divide());
    part(dialog, "[data-part=close]", HTMLButtonElement).addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#release());
  }

  /**
   * @param {NamedPicture} left
   * @param {NamedPicture} right
   * @throws {CodedError} BadPicture
   */
  async show(left, right) {
    this.#release();
    const images = await Promise.all([this.#put("left", left), this.#put("right", right)]);
    // The box has the shape of the first; another is contained in it.
    this.#pair.style.setProperty("--ratio", String(images[0].naturalWidth / images[0].naturalHeight));
    this.#divider.value = "50";
    this.#divide();
    this.#dialog.showModal();
  }

  /**
   * @param {"left" | "right"} side
   * @param {NamedPicture} picture
   */
  async #put(side, { blob, name }) {
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    const image = part(this.#pair, `img[data-part=${side}]`, HTMLImageElement);
    image.alt = name;
    image.src = url;
    part(this.#dialog, `[data-part=${side}-name]`, HTMLElement).textContent = name;
    await image.decode().catch((cause) => {
      throw new CodedError("BadPicture", say("pictureDamaged"), { name }, { cause });
    });
    return image;
  }

  #divide() {
    const percent = this.#divider.value;
    this.#pair.style.setProperty("--divider", `${percent}%`);
    this.#divider.setAttribute("aria-valuetext", say("compareShare", { percent, name: part(this.#pair, "[data-part=left]", HTMLImageElement).alt }));
  }

  #release() {
    for (const url of this.#urls) URL.revokeObjectURL(url);
    this.#urls = [];
  }
}
