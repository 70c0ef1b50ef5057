// @ts-check
/** The pictures on this device: found by words, opened, selected. What is done with them is told, not done. */

import { megabytes } from "../support.js";
import { part } from "./element.js";
import { GalleryGrid } from "./gallery-grid.js";
import { search } from "./gallery-search.js";
import { PicturePanel } from "./picture-panel.js";
import { bytesOf } from "./picture-store.js";
import { say } from "./text.js";

/**
 * @typedef {import("./picture-store.js").PictureRecord} PictureRecord
 * @typedef {"use" | "vary" | "refine" | "img2img" | "inpaint" | "compare" | "save" | "remove"} Deed
 */

/** These leave the picture open; the others lead to another place of the page. @type {Deed[]} */
const DONE_HERE = ["save", "remove"];

export class GalleryView {
  #container;
  #onDeed;
  #search;
  #total;
  #status;
  #cancel;
  #bar;
  #grid;
  #panel;
  /** @type {PictureRecord[]} */
  #records = [];
  /** Waits for the one to compare it with. @type {PictureRecord | null} */
  #comparing = null;
  /** @type {Deed[]} */
  #disabled = [];

  /**
   * @param {HTMLElement} container
   * @param {object} on
   * @param {(deed: Deed, of: PictureRecord | PictureRecord[]) => void} on.onDeed  "compare" is of two; "save" and "remove" of one,
   *   or of an array where several are selected; the others of one
   */
  constructor(container, { onDeed }) {
    this.#container = container;
    this.#onDeed = onDeed;
    this.#search = part(container, "[type=search]", HTMLInputElement);
    this.#total = part(container, "[data-part=total]", HTMLElement);
    this.#status = part(container, "[role=status]", HTMLElement);
    this.#cancel = part(container, "[data-part=cancel]", HTMLButtonElement);
    this.#bar = part(container, "[data-part=bar]", HTMLElement);
    this.#grid = new GalleryGrid(part(container, "ul", HTMLUListElement), { open: (id) => this.open(id), choose: () => this.#showChosen() });
    this.#panel = new PicturePanel(part(container, "dialog", HTMLDialogElement), (deed, record) => this.#deed(/** @type {Deed} */ (deed), record));
    this.#search.addEventListener("input", () => this.#show());
    this.#cancel.addEventListener("click", () => this.#compareWith(null));
    container.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.#panel.record) this.#compareWith(null);
    });
    for (const button of this.#barButtons) {
      const { deed } = button.dataset;
      if (deed) button.addEventListener("click", () => this.#onDeed(/** @type {Deed} */ (deed), this.#chosen));
    }
    part(this.#bar, "[data-part=all]", HTMLButtonElement).addEventListener("click", () => this.#grid.chooseAll(true));
    part(this.#bar, "[data-part=none]", HTMLButtonElement).addEventListener("click", () => this.#grid.chooseAll(false));
  }

  /** @param {PictureRecord[]} records  the newest first */
  show(records) {
    const { record: opened } = this.#panel;
    this.#records = records;
    this.#container.hidden = records.length === 0;
    this.#total.textContent = say("galleryTotal", { count: records.length, size: megabytes(bytesOf(records)) });
    if (this.#comparing && !this.#find(this.#comparing.id)) this.#comparing = null;
    this.disable(this.#disabled);
    this.#show();
    if (opened && !this.#find(opened.id)) {
      this.#panel.close();
      this.#grid.focus();
    }
  }

  /** What cannot be done with an opened picture for the time being. @param {Deed[]} deeds */
  disable(deeds) {
    this.#disabled = deeds;
    this.#panel.disable(this.#records.length < 2 ? [...deeds, "compare"] : deeds);
  }

  /** Or compares it with the one that waits for that. @param {number} id */
  open(id) {
    const record = this.#find(id);
    if (!record) return;
    const first = this.#comparing;
    if (!first) return this.#panel.open(record);
    if (first.id === id) return;
    this.#compareWith(null);
    this.#onDeed("compare", [first, record]);
  }

  get #chosen() {
    return this.#grid.chosen.flatMap((id) => this.#find(id) ?? []);
  }

  /** @returns {NodeListOf<HTMLButtonElement>} */
  get #barButtons() {
    return this.#bar.querySelectorAll("button");
  }

  /** @param {number} id */
  #find(id) {
    return this.#records.find((record) => record.id === id);
  }

  #show() {
    const found = search(this.#records, this.#search.value);
    this.#grid.show(found);
    this.#showChosen();
    this.#showStatus(found.length);
  }

  /** @param {number} found */
  #showStatus(found) {
    const all = this.#records.length;
    const counted = found === 0 ? say("galleryNoneFound") : say("galleryFound", { found, all });
    this.#status.textContent = this.#comparing ? say("galleryCompareWith") : this.#search.value.trim() ? counted : "";
    this.#reveal(this.#cancel, this.#comparing !== null);
  }

  #showChosen() {
    const { length } = this.#grid.chosen;
    part(this.#bar, "[data-part=count]", HTMLElement).textContent = say("galleryChosen", { count: length });
    part(this.#bar, "[data-deed=compare]", HTMLButtonElement).hidden = length !== 2;
    this.#reveal(this.#bar, length > 0);
  }

  /**
   * What is hidden gives its focus to the pictures, rather than losing it.
   * @param {HTMLElement} element
   * @param {boolean} shown
   */
  #reveal(element, shown) {
    const focused = element.contains(document.activeElement);
    element.hidden = !shown;
    if (focused && !shown) this.#grid.focus();
  }

  /**
   * @param {Deed} deed
   * @param {PictureRecord} record
   */
  #deed(deed, record) {
    // Before it is told: closing gives the focus back to the grid, and whoever is told may want it elsewhere.
    if (!DONE_HERE.includes(deed)) this.#panel.close();
    if (deed === "compare") this.#compareWith(record);
    else this.#onDeed(deed, record);
  }

  /** @param {PictureRecord | null} record */
  #compareWith(record) {
    this.#comparing = record;
    this.#container.toggleAttribute("data-comparing", record !== null);
    this.#showStatus(search(this.#records, this.#search.value).length);
  }
}
