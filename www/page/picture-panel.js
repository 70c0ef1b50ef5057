// @ts-check
/** One picture, large, with how it was drawn and what can be done with it. It makes the picture's blob URL and gives it back. */

import { part } from "./element.js";
import { settingsOf } from "./picture-settings.js";

/** @typedef {import("./picture-store.js").PictureRecord} PictureRecord */

export class PicturePanel {
  #dialog;
  #image;
  #settings;
  /** @type {PictureRecord | null} */
  #record = null;
  #url = "";

  /**
   * @param {HTMLDialogElement} dialog
   * @param {(deed: string, record: PictureRecord) => void} onDeed  for the buttons' data-deed
   */
  constructor(dialog, onDeed) {
    this.#dialog = dialog;
    this.#image = part(dialog, "img", HTMLImageElement);
    this.#settings = part(dialog, "dl", HTMLDListElement);
    for (const button of this.#buttons) button.addEventListener("click", () => this.#record && onDeed(button.dataset.deed ?? "", this.#record));
    part(dialog, "[data-part=close]", HTMLButtonElement).addEventListener("click", () => this.close());
    dialog.addEventListener("click", (event) => {
      // What is beside the panel belongs to the dialog, what is in it to its parts.
      if (event.target === dialog) this.close();
    });
    dialog.addEventListener("close", () => {
      // It may have been opened again since.
      if (!dialog.open) this.#release();
    });
  }

  /** @type {PictureRecord | null} */
  get record() {
    return this.#dialog.open ? this.#record : null;
  }

  /** @param {PictureRecord} record */
  open(record) {
    this.#release();
    this.#record = record;
    this.#url = URL.createObjectURL(record.png);
    Object.assign(this.#image, { src: this.#url, width: record.width, height: record.height, alt: record.request.prompt });
    this.#settings.replaceChildren(...settingsOf(record).map(([label, value]) => row(label, value)));
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  /** What cannot be done now. @param {string[]} deeds */
  disable(deeds) {
    for (const button of this.#buttons) button.disabled = deeds.includes(button.dataset.deed ?? "");
  }

  /** @returns {NodeListOf<HTMLButtonElement>} */
  get #buttons() {
    return this.#dialog.querySelectorAll("button[data-deed]");
  }

  #release() {
    this.#record = null;
    this.#image.removeAttribute("src");
    URL.revokeObjectURL(this.#url);
  }
}

/**
 * @param {string} label
 * @param {string} value
 */
function row(label, value) {
  const group = document.createElement("div");
  group.append(Object.assign(document.createElement("dt"), { textContent: label }), Object.assign(document.createElement("dd"), { textContent: value }));
  return group;
}
