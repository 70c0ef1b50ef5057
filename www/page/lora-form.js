// @ts-check
/** Where a LoRA is to come from. */

import { part } from "./element.js";
import { PlaceField, nameOf } from "./place-field.js";
import { say } from "./text.js";

/** @typedef {import("../protocol.js").LoraRequest} LoraRequest */

export class LoraForm {
  #submit;
  #place;
  #name;
  #folded;

  /**
   * @param {HTMLFormElement} form
   * @param {(request: LoraRequest) => void} onAdd
   */
  constructor(form, onAdd) {
    this.#folded = form.closest("details");
    this.#submit = part(form, "button[type=submit]", HTMLButtonElement);
    this.#place = new PlaceField(part(form, "[data-place]", HTMLElement));
    this.#name = part(form, "#lora-name", HTMLInputElement);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { source } = this.#place;
      this.#place.showProblem(source ? "" : say("loraNoSource"));
      if (source) onAdd({ name: this.#name.value.trim() || nameOf(source), from: source, token: null });
    });
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.#submit.disabled = busy;
  }

  /** @param {string} address */
  propose(address) {
    if (this.#folded) this.#folded.open = true;
    this.#place.propose(address);
  }

  clear() {
    this.#place.clear();
    this.#name.value = "";
  }
}
