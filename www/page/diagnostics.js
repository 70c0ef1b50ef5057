// @ts-check
/** A report on this device and what went wrong on it, for whoever is asked for help. Prompts and pictures are not in it. */

import { part } from "./element.js";
import { say } from "./text.js";

/** Of what went wrong, so much is kept. */
const MOST_ERRORS = 20;

export class Diagnostics {
  #dialog;
  #text;
  #status;
  #gather;
  /** @type {string[]} */
  #errors = [];

  /**
   * @param {HTMLDialogElement} dialog
   * @param {() => Promise<Record<string, unknown>>} gather  what the page and the worker know
   */
  constructor(dialog, gather) {
    this.#dialog = dialog;
    this.#gather = gather;
    this.#text = part(dialog, "textarea", HTMLTextAreaElement);
    this.#status = part(dialog, "[role=status]", HTMLElement);
    part(dialog, "[data-part=copy]", HTMLButtonElement).addEventListener("click", () => this.#copy());
    part(dialog, "[data-part=close]", HTMLButtonElement).addEventListener("click", () => dialog.close());
  }

  /** @param {unknown} error */
  note(error) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    this.#errors = [...this.#errors, `${new Date().toISOString()} ${name}: ${message}`].slice(-MOST_ERRORS);
  }

  async show() {
    this.#text.value = JSON.stringify({ ...(await this.#gather()), ...surroundings(), errors: this.#errors }, null, 2);
    this.#status.textContent = "";
    this.#dialog.showModal();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#text.value);
      this.#status.textContent = say("copied");
    } catch {
      this.#text.select();
      this.#status.textContent = say("copyRefused");
    }
  }
}

function surroundings() {
  const { userAgent, language, hardwareConcurrency } = navigator;
  const { deviceMemory = null } = /** @type {{ deviceMemory?: number }} */ (navigator);
  return { at: new Date().toISOString(), userAgent, language, hardwareConcurrency, deviceMemory, screen: `${screen.width}x${screen.height} at ${devicePixelRatio}`, isolated: crossOriginIsolated };
}
