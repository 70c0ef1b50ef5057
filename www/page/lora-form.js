// @ts-check
/** Where a LoRA is to come from. */

import { part } from "./element.js";
import { PlaceField, nameOf } from "./place-field.js";
import { say } from "./text.js";

/** @typedef {import("../protocol.js").LoraRequest} LoraRequest */

export class LoraForm {
  #submit;
  #place;

  /**
   * @param {HTMLFormElement} form
   * @param {(request: LoraRequest) => void} onAdd
   */
  constructor(form, onAdd) {
    this.#submit = part(form, "button[type=submit]", HTMLButtonElement);
    this.#place = new PlaceField(part(form, "[data-place]", HTMLElement));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { source } = this.#place;
      this.#place.showProblem(source ? "" : say("loraNoSource"));
      if (source) onAdd({ name: nameOf(source), from: source, token: null });
    });
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.#submit.disabled = busy;
  }

  clear() {
    this.#place.clear();
  }
}
