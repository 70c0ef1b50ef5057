// @ts-check
/**
 * Thumbnails in rows: one stop of the Tab key, arrow keys inside. Which are selected is what their boxes say. It makes the
 * thumbnails' blob URLs and gives them back when they are no longer shown.
 */

import { say } from "./text.js";

/** @typedef {import("./picture-store.js").PictureRecord} PictureRecord */
/** @typedef {{ element: HTMLLIElement, open: HTMLButtonElement, box: HTMLInputElement, url: string }} Item */

/** How far each key goes in a grid of so many columns. @type {Record<string, (columns: number) => number>} */
const MOVES = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
};

export class GalleryGrid {
  #list;
  #on;
  /** By id, in the order in which they are shown. @type {Map<number, Item>} */
  #items = new Map();
  /** Where the focus was last; the Tab key stops there, or else at the first. @type {number | null} */
  #current = null;

  /**
   * @param {HTMLElement} list
   * @param {object} on
   * @param {(id: number) => void} on.open
   * @param {() => void} on.choose  others are selected now
   */
  constructor(list, on) {
    this.#list = list;
    this.#on = on;
    list.addEventListener("keydown", (event) => this.#move(event));
  }

  /** @returns {number[]} in the order in which they are shown */
  get chosen() {
    return [...this.#items].filter(([, { box }]) => box.checked).map(([id]) => id);
  }

  /** @param {PictureRecord[]} records */
  show(records) {
    const before = [...this.#items.keys()];
    const focused = this.#list.contains(document.activeElement) ? document.activeElement : null;
    const left = new Map(this.#items);
    this.#items = new Map(records.map((record) => [record.id, left.get(record.id) ?? this.#item(record)]));
    for (const id of this.#items.keys()) left.delete(id);
    this.#list.replaceChildren(...[...this.#items.values()].map(({ element }) => element));
    for (const { url } of left.values()) URL.revokeObjectURL(url);
    if (this.#current !== null && !this.#items.has(this.#current)) this.#current = this.#nearest(before.indexOf(this.#current));
    this.#placeStop();
    if (focused instanceof HTMLElement) {
      if (focused.isConnected) focused.focus({ preventScroll: true });
      else this.focus();
    }
  }

  /** @param {boolean} chosen */
  chooseAll(chosen) {
    for (const { box } of this.#items.values()) box.checked = chosen;
    this.#on.choose();
  }

  focus() {
    this.#items.get(this.#current ?? this.#nearest(0) ?? NaN)?.open.focus();
  }

  /** The one at this place, or the last where there are not so many. @param {number} index */
  #nearest(index) {
    const ids = [...this.#items.keys()];
    return ids[Math.min(index, ids.length - 1)] ?? null;
  }

  #placeStop() {
    const stop = this.#current ?? this.#nearest(0);
    for (const [id, { open, box }] of this.#items) open.tabIndex = box.tabIndex = id === stop ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const move = MOVES[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey || this.#current === null) return;
    event.preventDefault();
    const ids = [...this.#items.keys()];
    const columns = getComputedStyle(this.#list).gridTemplateColumns.split(" ").length;
    const item = this.#items.get(ids[ids.indexOf(this.#current) + move(columns)] ?? NaN);
    // A box leads to boxes, so that several can be selected one after the other.
    if (item) (event.target instanceof HTMLInputElement ? item.box : item.open).focus();
  }

  /**
   * @param {PictureRecord} record
   * @returns {Item}
   */
  #item({ id, thumbnail, request }) {
    const prompt = request.prompt || say("galleryNoPrompt");
    const url = URL.createObjectURL(thumbnail);
    const image = Object.assign(document.createElement("img"), { alt: prompt, loading: "lazy", src: url });
    const open = Object.assign(document.createElement("button"), { type: "button", title: prompt, tabIndex: -1 });
    open.append(image);
    open.addEventListener("click", () => this.#on.open(id));
    const box = Object.assign(document.createElement("input"), { type: "checkbox", tabIndex: -1 });
    box.setAttribute("aria-label", say("galleryChoose", { prompt }));
    box.addEventListener("change", () => this.#on.choose());
    // As large as a finger, unlike the box alone.
    const label = document.createElement("label");
    label.append(box);
    const element = document.createElement("li");
    element.dataset.picture = String(id);
    element.append(open, label);
    element.addEventListener("focusin", () => {
      this.#current = id;
      this.#placeStop();
    });
    return { element, open, box, url };
  }
}
