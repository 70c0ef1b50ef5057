// @ts-check
/** Pictures that are computed but not decoded: their latents are kept, over a reload too, so that trouble at the end costs no run. */

import { say } from "./text.js";

/** @typedef {import("./picture-store.js").Unfinished} Unfinished */

export class UnfinishedPictures {
  #container;
  #store;
  #on;

  /**
   * @param {HTMLElement} container
   * @param {import("./picture-store.js").PictureStore} store
   * @param {object} on
   * @param {(unfinished: Unfinished) => void} on.decode
   * @param {(work: () => Promise<unknown>) => Promise<void>} on.attempt  runs it, and tells what goes wrong
   */
  constructor(container, store, on) {
    this.#container = container;
    this.#store = store;
    this.#on = on;
  }

  async refresh() {
    const all = await this.#store.unfinished();
    this.#container.replaceChildren(...all.map((unfinished) => this.#item(unfinished)));
    this.#container.hidden = all.length === 0;
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

  /** @param {Unfinished} unfinished */
  #item(unfinished) {
    const { prompt, seed } = unfinished.request;
    const item = document.createElement("li");
    const text = Object.assign(document.createElement("span"), { textContent: say("unfinished", { prompt, seed }) });
    const decode = Object.assign(document.createElement("button"), { type: "button", textContent: say("decodeIt") });
    decode.addEventListener("click", () => this.#on.decode(unfinished));
    const discard = Object.assign(document.createElement("button"), { type: "button", textContent: say("discardIt") });
    discard.addEventListener("click", () => this.#on.attempt(() => this.drop(unfinished)));
    item.append(text, decode, discard);
    return item;
  }
}
