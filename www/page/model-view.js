// @ts-check
/** Which model draws, whether it is on this device, and the button that removes it; what this device offers. */

import { megabytes } from "../support.js";
import { part } from "./element.js";
import { say } from "./text.js";

/** @typedef {import("../protocol.js").Check} Check */

export class ModelView {
  #container;
  #name;
  #state;
  #remove;
  #checks;
  #memory;

  /**
   * @param {HTMLElement} container
   * @param {() => void} onRemove
   */
  constructor(container, onRemove) {
    this.#container = container;
    this.#name = part(container, "[data-part=name]", HTMLElement);
    this.#state = part(container, "[data-part=state]", HTMLElement);
    this.#remove = part(container, "[data-part=remove]", HTMLButtonElement);
    this.#checks = part(container, "[data-part=checks]", HTMLElement);
    this.#memory = part(container, "[data-part=memory]", HTMLElement);
    this.#remove.addEventListener("click", onRemove);
  }

  /**
   * @param {import("../protocol.js").ModelFacts} facts
   * @param {string} address
   */
  update({ name, demo, bytes, missing }, address) {
    this.#container.dataset.demo = String(demo);
    this.#name.textContent = demo ? say("modelDemo") : name;
    this.#name.title = address;
    const state = missing === 0 ? "modelStored" : missing < bytes ? "modelPartlyStored" : "modelServed";
    this.#state.textContent = say(state, { bytes: megabytes(bytes), here: megabytes(bytes - missing) });
    this.#remove.hidden = missing === bytes;
  }

  /** @param {boolean} drawing */
  setBusy(drawing) {
    this.#remove.disabled = drawing;
  }

  /** @param {Check[]} checks */
  showChecks(checks) {
    this.#checks.replaceChildren(
      ...checks.map(({ ok, sentence }) => {
        const item = document.createElement("li");
        item.className = ok ? "passed" : "failed";
        item.textContent = sentence;
        return item;
      }),
    );
  }

  /** @param {{ live: number, peak: number, heap: number }} bytes  in GPU buffers, and of the engine's own memory */
  showMemory({ live, peak, heap }) {
    this.#memory.textContent = peak === 0 ? "" : say("memory", { live: megabytes(live), peak: megabytes(peak), heap: megabytes(heap) });
  }
}
