// @ts-check
/** The place where errors are told: what happened, the particulars, what to do. */

import { say } from "./text.js";
import { wordsFor } from "./trouble.js";

export class MessageView {
  #container;
  #onReport;

  /**
   * @param {HTMLElement} container  with role="alert"
   * @param {() => unknown} [onReport]  where there is a report to show
   */
  constructor(container, onReport) {
    this.#container = container;
    this.#onReport = onReport;
  }

  /**
   * @param {unknown} error
   * @param {() => void} tryAgain
   * @param {import("./remedies.js").Remedy[]} [remedies]  what else may help
   */
  show(error, tryAgain, remedies = []) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    const { title, advice } = wordsFor(name);
    this.#container.dataset.code = name;
    const deeds = document.createElement("div");
    deeds.className = "deeds";
    const report = this.#onReport ? [{ label: say("showReport"), act: this.#onReport }] : [];
    for (const { label, act } of [{ label: say("tryAgain"), act: tryAgain }, ...remedies, ...report, { label: say("galleryClose"), act: () => this.clear() }]) {
      const button = line("button", label);
      button.addEventListener("click", act);
      deeds.append(button);
    }
    this.#container.replaceChildren(line("strong", title), line("p", message), line("p", advice), deeds);
    this.#container.hidden = false;
  }

  clear() {
    this.#container.hidden = true;
    this.#container.replaceChildren();
    delete this.#container.dataset.code;
  }
}

/**
 * @param {string} tag
 * @param {string} text
 */
function line(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
