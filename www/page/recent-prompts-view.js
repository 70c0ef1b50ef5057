// @ts-check
/** The button beside the prompt's label, and the list that it opens. */

import { part } from "./element.js";
import { say } from "./text.js";

/** @typedef {import("./recent-prompts.js").RecentPrompt} RecentPrompt */

export class RecentPromptsView {
  #recent;
  #opener;
  #panel;
  #list;
  #onTake;

  /**
   * @param {HTMLElement} form
   * @param {import("./recent-prompts.js").RecentPrompts} recent
   * @param {(prompt: RecentPrompt) => void} onTake
   */
  constructor(form, recent, onTake) {
    this.#recent = recent;
    this.#onTake = onTake;
    this.#opener = part(form, "[data-part=recent]", HTMLButtonElement);
    this.#panel = part(form, "#recent-prompts", HTMLElement);
    this.#list = part(this.#panel, "ul", HTMLUListElement);
    this.#opener.addEventListener("click", () => (this.#panel.hidden ? this.#open() : this.#close()));
    this.#panel.addEventListener("keydown", (event) => this.#press(event));
    part(this.#panel, "[data-part=clear]", HTMLButtonElement).addEventListener("click", () => {
      recent.clear();
      this.#close();
      part(form, "#prompt", HTMLElement).focus();
    });
    this.#close();
  }

  /** @param {RecentPrompt} prompt  is being drawn */
  add(prompt) {
    this.#recent.add(prompt);
    this.#close();
  }

  /** As it is now: another tab may have added to it. */
  #open() {
    this.#list.replaceChildren(...this.#recent.all.map((prompt) => this.#item(prompt)));
    this.#show(true);
    this.#list.querySelector("button")?.focus();
  }

  #close() {
    this.#opener.hidden = this.#recent.all.length === 0;
    this.#show(false);
  }

  /** @param {boolean} open */
  #show(open) {
    this.#panel.hidden = !open;
    this.#opener.setAttribute("aria-expanded", String(open));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.key === "Escape") {
      this.#close();
      this.#opener.focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = [...this.#panel.querySelectorAll("button")];
    const at = buttons.findIndex((button) => button === document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    buttons[at + step]?.focus();
  }

  /** @param {RecentPrompt} prompt */
  #item(prompt) {
    const item = document.createElement("li");
    const take = Object.assign(document.createElement("button"), { type: "button" });
    take.append(Object.assign(document.createElement("span"), { textContent: prompt.prompt }));
    if (prompt.negativePrompt) take.append(Object.assign(document.createElement("span"), { className: "quiet", textContent: say("recentWithout", { negative: prompt.negativePrompt }) }));
    take.addEventListener("click", () => {
      this.#close();
      this.#onTake(prompt);
    });
    item.append(take);
    return item;
  }
}
