// @ts-check
/** The place where errors are told: what happened, the particulars, what to do. */

import { say } from "./text.js";
import { wordsFor } from "./trouble.js";

export class MessageView {
  #container;
  #on;

  /**
   * @param {HTMLElement} container  with role="alert"
   * @param {object} on
   * @param {() => unknown} [on.report]  where there is one to show
   * @param {() => unknown} on.leave  the focus has to go somewhere
   */
  constructor(container, on) {
    this.#container = container;
    this.#on = on;
  }

  get hasFocus() {
    return this.#container.contains(document.activeElement);
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
    const report = this.#on.report ? [{ label: say("showReport"), act: this.#on.report }] : [];
    for (const { label, act } of [{ label: say("tryAgain"), act: tryAgain }, ...remedies, ...report, { label: say("galleryClose"), act: () => this.close() }]) {
      const button = line("button", label);
      button.addEventListener("click", act);
      deeds.append(button);
    }
    this.#container.replaceChildren(line("strong", title), line("p", message), line("p", advice), deeds);
    this.#container.hidden = false;
  }

  /** At the wish of whoever reads it. */
  close() {
    this.clear();
    this.#on.leave();
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
