// @ts-check
/** The models on this device: what each is, how large, whether it is whole, and what can be done with it. */

import { megabytes } from "../support.js";
import { say } from "./text.js";

/** @typedef {import("../protocol.js").StoredModel} StoredModel */
/** What can be done with a model, and the key of the button's label. @typedef {"use" | "verify" | "export" | "rename" | "remove"} Deed */

export class ModelsView {
  #list;
  #onDeed;
  #busy = false;

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
    const focused = document.activeElement?.closest("#models button");
    const { deed = "", model: of = "" } = focused instanceof HTMLElement ? focused.dataset : {};
    this.#list.replaceChildren(...models.map((model) => this.#item(model, model.model === used)));
    this.setBusy(this.#busy);
    if (!focused) return;
    const again = [...this.#list.querySelectorAll("button")].find(({ dataset }) => dataset.deed === deed && dataset.model === of);
    (again ?? this.#list.closest("details")?.querySelector("summary"))?.focus();
  }

  /** Also where they are folded away. */
  reveal() {
    const folded = this.#list.closest("details");
    if (folded) folded.open = true;
    folded?.querySelector("summary")?.focus();
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.#busy = busy;
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
    name.textContent = model.name ?? say("storedIncomplete");
    const state = document.createElement("span");
    state.className = "quiet";
    const facts = [megabytes(model.bytes), model.kinds.includes("refiner") ? say("storedWithRefiner") : "", stateOf(model), isUsed ? say("storedInUse") : ""];
    state.textContent = facts.filter(Boolean).join(say("comma"));
    item.title = model.model;
    /** @type {Deed[]} */
    const deeds = whole ? [...(isUsed ? [] : [/** @type {Deed} */ ("use")]), "verify", "export", "rename", "remove"] : model.name === null ? ["remove"] : ["verify", "remove"];
    const buttons = deeds.map((deed) => {
      const button = document.createElement("button");
      button.type = "button";
      Object.assign(button.dataset, { deed, model: model.model });
      button.textContent = say(deed);
      button.setAttribute("aria-label", say("deedOn", { deed: say(deed), name: name.textContent ?? "" }));
      button.addEventListener("click", () => this.#onDeed(deed, model));
      return button;
    });
    item.append(name, " ", state, ...buttons);
    return item;
  }
}

/** @param {StoredModel} model */
function stateOf({ kinds, missing }) {
  if (missing > 0) return say("storedPartsMissing", { missing });
  return kinds.includes("base") ? "" : say("storedHalf");
}
