// @ts-check
/** What waits to be drawn, and the buttons that take it off the list. */

import { part } from "./element.js";
import { say } from "./text.js";

export class QueueView {
  #container;
  #list;
  #on;
  /** By id, in the order in which they wait. @type {Map<number, HTMLLIElement>} */
  #items = new Map();

  /**
   * @param {HTMLElement} container
   * @param {object} on
   * @param {(id: number) => void} on.remove
   * @param {() => void} on.clear
   * @param {() => void} on.resume
   * @param {() => void} on.leave  the focus was here and has to go somewhere
   */
  constructor(container, on) {
    this.#container = container;
    this.#list = part(container, "ol", HTMLOListElement);
    this.#on = on;
    part(container, "[data-part=clear]", HTMLButtonElement).addEventListener("click", () => on.clear());
    part(container, "[data-part=resume]", HTMLButtonElement).addEventListener("click", () => on.resume());
  }

  /** @param {{ waiting: { id: number, item: { request: { prompt: string, seed: number }, name?: string | undefined } }[], paused: boolean }} state */
  show({ waiting, paused }) {
    const hadFocus = this.#container.contains(document.activeElement);
    this.#container.hidden = waiting.length === 0;
    part(this.#container, "[data-part=count]", HTMLElement).textContent = say(paused ? "waitingPaused" : "waiting", { count: waiting.length });
    const resume = part(this.#container, "[data-part=resume]", HTMLButtonElement);
    const resumed = !paused && document.activeElement === resume;
    resume.hidden = !paused;
    if (resumed) part(this.#container, "[data-part=clear]", HTMLButtonElement).focus();
    for (const id of this.#items.keys()) if (!waiting.some((each) => each.id === id)) this.#drop(id);
    for (const { id, item } of waiting) if (!this.#items.has(id)) this.#add(id, { seed: item.request.seed, prompt: item.name ?? item.request.prompt });
    if (hadFocus && waiting.length === 0) this.#on.leave();
  }

  /** Its focus goes to the one that takes its place. @param {number} id */
  #drop(id) {
    const item = this.#items.get(id);
    const hadFocus = item?.contains(document.activeElement);
    const near = item?.nextElementSibling ?? item?.previousElementSibling;
    item?.remove();
    this.#items.delete(id);
    if (hadFocus) near?.querySelector("button")?.focus();
  }

  /**
   * @param {number} id
   * @param {{ prompt: string, seed: number }} request
   */
  #add(id, { prompt, seed }) {
    const item = document.createElement("li");
    const text = document.createElement("span");
    text.textContent = prompt;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: say("removeWaiting") });
    button.setAttribute("aria-label", say("removeWaitingOne", { prompt, seed }));
    button.addEventListener("click", () => this.#on.remove(id));
    item.append(text, button);
    this.#list.append(item);
    this.#items.set(id, item);
  }
}
