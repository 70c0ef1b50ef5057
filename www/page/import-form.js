// @ts-check
/** Where a model is to come from: addresses or files for its halves, and how it is stored. */

import { part } from "./element.js";
import { PlaceField, nameOf } from "./place-field.js";
import { say } from "./text.js";

/**
 * @typedef {import("../protocol.js").Kind} Kind
 * @typedef {import("../protocol.js").ImportSource} ImportSource
 * @typedef {import("../protocol.js").ImportRequest} ImportRequest
 * @typedef {{ packed: { path: string, file: File }[] } | { halves: Omit<ImportRequest, "model">[] }} Wish  a packed model, or checkpoints to make one of
 */

/** What a packed model's folder or archive has, and no checkpoint. */
const PACKED = /(^|\/)manifest\.json$|\.tar$/;

export class ImportForm {
  #form;
  #onImport;
  /** @type {Map<string, PlaceField>} */
  #places;

  /**
   * @param {HTMLFormElement} form
   * @param {(wish: Wish) => void} onImport
   */
  constructor(form, onImport) {
    this.#form = form;
    this.#onImport = onImport;
    const places = /** @type {HTMLElement[]} */ ([...form.querySelectorAll("[data-place]")]);
    this.#places = new Map(places.map((place) => [place.dataset.place ?? "", new PlaceField(place)]));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const wish = this.#wish();
      if (wish) this.#onImport(wish);
    });
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    part(this.#form, "button[type=submit]", HTMLButtonElement).disabled = busy;
  }

  /** @param {boolean} kept  whether the browser promised to keep what is stored */
  showPromise(kept) {
    part(this.#form, "[data-part=at-risk]", HTMLElement).hidden = kept;
  }

  /** @param {string} text */
  tell(text) {
    part(this.#form, "[role=status]", HTMLElement).textContent = text;
  }

  /** @returns {Wish | null} */
  #wish() {
    const data = new FormData(this.#form);
    const field = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
    const source = (/** @type {string} */ place) => this.#places.get(place)?.source ?? null;
    const base = source("base");
    this.#places.get("base")?.showProblem(base ? "" : say("importNoSource"));
    if (!base) return null;
    if ("files" in base && base.files.some(({ path }) => PACKED.test(path))) return { packed: base.files };
    const scheme = /** @type {ImportRequest["scheme"]} */ (field("scheme"));
    const token = field("token") || null;
    const half = (/** @type {Kind} */ kind, /** @type {ImportSource} */ from) => ({ kind, from, name: nameOf(from), scheme, token, vae: kind === "base" ? source("vae") : null });
    const refiner = source("refiner");
    return { halves: [half("base", base), ...(refiner ? [half("refiner", refiner)] : [])] };
  }
}

/** The same wish has the same address, so that it goes on where it was cut off. @param {Wish} wish */
export function addressOf(wish) {
  if ("packed" in wish) return `imported:${encodeURIComponent(wish.packed[0]?.file.name ?? "model")}/`;
  const [base] = wish.halves;
  const from = base && ("address" in base.from ? base.from.address : base.from.files.map(({ path }) => path).join(" "));
  return `imported:${encodeURIComponent(from ?? "model")}/${base?.scheme}/`;
}
