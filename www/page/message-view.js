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
   */
  show(error, tryAgain) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    const { title, advice } = wordsFor(name);
    this.#container.dataset.code = name;
    const button = line("button", say("tryAgain"));
    button.addEventListener("click", tryAgain);
    this.#container.replaceChildren(line("strong", title), line("p", message), line("p", advice), button);
    if (this.#onReport) {
      const report = line("button", say("showReport"));
      report.addEventListener("click", this.#onReport);
      this.#container.append(report);
    }
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
