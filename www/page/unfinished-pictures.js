// @ts-check
/** Pictures that are computed but not decoded: their latents are kept, over a reload too, so that trouble at the end costs no run. */

import { say } from "./text.js";

/** @typedef {import("./picture-store.js").Unfinished} Unfinished */

export class UnfinishedPictures {
  #container;
  #store;
  #on;
  /** @type {Map<number, HTMLLIElement>} */
  #items = new Map();
  /** Those that are decoded now, or wait for it. @type {Set<number>} */
  #taken = new Set();

  /**
   * @param {HTMLElement} container
   * @param {import("./picture-store.js").PictureStore} store
   * @param {object} on
   * @param {(unfinished: Unfinished) => void} on.decode
   * @param {(work: () => Promise<unknown>) => Promise<unknown>} on.attempt  runs it, and tells what goes wrong
   * @param {() => void} on.leave  the focus was here and has to go somewhere
   */
  constructor(container, store, on) {
    this.#container = container;
    this.#store = store;
    this.#on = on;
  }

  async refresh() {
    const all = await this.#store.unfinished();
    const hadFocus = this.#container.contains(document.activeElement);
    for (const [id, item] of this.#items) {
      if (all.some((unfinished) => unfinished.id === id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    for (const unfinished of all) if (!this.#items.has(unfinished.id)) this.#add(unfinished);
    this.#update(hadFocus);
  }

  /** @param {number[]} ids  of those that are decoded now, or wait for it */
  setTaken(ids) {
    const hadFocus = this.#container.contains(document.activeElement);
    this.#taken = new Set(ids);
    this.#update(hadFocus);
  }

  /**
   * @param {Omit<Unfinished, "id">} unfinished
   * @returns {Promise<Unfinished | null>} null where there is no room for it: no reason to stop
   */
  async keep(unfinished) {
    return this.#store.keep(unfinished).then(
      (id) => ({ id, ...unfinished }),
      () => null,
    );
  }

  /** @param {Unfinished} unfinished */
  async drop({ id }) {
    await this.#store.drop(id);
    await this.refresh();
  }

  /** @param {boolean} hadFocus */
  #update(hadFocus) {
    for (const [id, item] of this.#items) item.hidden = this.#taken.has(id);
    this.#container.hidden = [...this.#items.values()].every(({ hidden }) => hidden);
    const hasFocus = document.activeElement instanceof HTMLElement && document.activeElement.checkVisibility() && this.#container.contains(document.activeElement);
    if (hadFocus && !hasFocus) this.#on.leave();
  }

  /** @param {Unfinished} unfinished */
  #add(unfinished) {
    const item = document.createElement("li");
    const text = document.createElement("span");
    const { prompt, seed } = unfinished.request;
    text.textContent = say("unfinished", { prompt, seed });
    item.append(
      text,
      button("decodeIt", unfinished, () => this.#on.decode(unfinished)),
      button("discardIt", unfinished, () => this.#on.attempt(() => this.drop(unfinished))),
    );
    this.#items.set(unfinished.id, item);
    this.#container.append(item);
  }
}

/**
 * @param {import("./text.js").Key} key
 * @param {Unfinished} unfinished  that it is about
 * @param {() => unknown} act
 */
function button(key, { request: { prompt, seed } }, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = say(key);
  made.setAttribute("aria-label", say("deedOn", { deed: say(key), name: `${prompt} (${seed})` }));
  made.addEventListener("click", act);
  return made;
}
