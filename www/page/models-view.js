// @ts-check
/** The models on this device: what each is, how large, whether it is whole, and what can be done with it. */

import { megabytes } from "../support.js";

/** @typedef {import("../protocol.js").StoredModel} StoredModel */
/** @typedef {"use" | "verify" | "export" | "rename" | "remove"} Deed */

/** @type {Record<Deed, string>} */
const LABELS = { use: "Use", verify: "Check", export: "Export", rename: "Rename", remove: "Remove" };

export class ModelsView {
  #list;
  #onDeed;

  /**
   * @param {HTMLElement} list
   * @param {(deed: Deed, model: StoredModel) => void} onDeed
   */
  constructor(list, onDeed) {
    this.#list = list;
    this.#onDeed = onDeed;
  }

  /**
   * @param {StoredModel[]} models
   * @param {string} used  the address of the one that draws
   */
  show(models, used) {
    this.#list.replaceChildren(...models.map((model) => this.#item(model, model.model === used)));
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    for (const button of this.#list.querySelectorAll("button")) button.disabled = busy;
  }

  /**
   * @param {StoredModel} model
   * @param {boolean} isUsed
   */
  #item(model, isUsed) {
    const whole = model.kinds.includes("base") && model.missing === 0;
    const item = document.createElement("li");
    const name = document.createElement("strong");
    name.textContent = model.name ?? "Not loaded completely";
    const state = document.createElement("span");
    state.className = "quiet";
    state.textContent = [megabytes(model.bytes), model.kinds.includes("refiner") ? "with refiner" : "", stateOf(model), isUsed ? "in use" : ""].filter(Boolean).join(", ");
    item.title = model.model;
    /** @type {Deed[]} */
    const deeds = whole ? [...(isUsed ? [] : [/** @type {Deed} */ ("use")]), "verify", "export", "rename", "remove"] : model.name === null ? ["remove"] : ["verify", "remove"];
    const buttons = deeds.map((deed) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.deed = deed;
      button.textContent = LABELS[deed];
      button.setAttribute("aria-label", `${LABELS[deed]}: ${name.textContent}`);
      button.addEventListener("click", () => this.#onDeed(deed, model));
      return button;
    });
    item.append(name, " ", state, ...buttons);
    return item;
  }
}

/** @param {StoredModel} model */
function stateOf({ kinds, missing }) {
  if (missing > 0) return `${missing} of its parts are missing: load it again, and only these are read`;
  return kinds.includes("base") ? "" : "load it again, and it goes on from there";
}
