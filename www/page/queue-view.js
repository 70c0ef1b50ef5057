// @ts-check
/** What waits to be drawn, and the buttons that take it off the list. */

import { part } from "./element.js";
import { say } from "./text.js";

export class QueueView {
  #container;
  #list;
  #onRemove;

  /**
   * @param {HTMLElement} container
   * @param {{ remove: (id: number) => void, clear: () => void }} on
   */
  constructor(container, { remove, clear }) {
    this.#container = container;
    this.#list = part(container, "ol", HTMLOListElement);
    this.#onRemove = remove;
    part(container, "[data-part=clear]", HTMLButtonElement).addEventListener("click", clear);
  }

  /** @param {{ id: number, item: { request: { prompt: string, seed: number }, name?: string | undefined } }[]} waiting */
  show(waiting) {
    this.#container.hidden = waiting.length === 0;
    part(this.#container, "[data-part=count]", HTMLElement).textContent = say("waiting", { count: waiting.length });
    this.#list.replaceChildren(...waiting.map(({ id, item }) => this.#item(id, { seed: item.request.seed, prompt: item.name ?? item.request.prompt })));
  }

  /**
   * @param {number} id
   * @param {{ prompt: string, seed: number }} request
   */
  #item(id, { prompt, seed }) {
    const item = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = prompt;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: say("removeWaiting") });
    button.setAttribute("aria-label", say("removeWaitingOne", { prompt, seed }));
    button.addEventListener("click", () => this.#onRemove(id));
    item.append(text, button);
    return item;
  }
}
