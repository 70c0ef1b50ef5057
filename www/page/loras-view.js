// @ts-check
/** The LoRAs on this device: which are drawn with, how strongly, and what words call them up. */

import { megabytes } from "../support.js";
import { part } from "./element.js";
import { namesOf } from "./sampler-names.js";
import { say } from "./text.js";

/** @typedef {import("../protocol.js").StoredLora} StoredLora */

/** The slider; most LoRAs are made for 1, the start. */
const WEIGHT = { min: "-1", max: "2", step: "0.05" };

export class LorasView {
  #container;
  #list;
  #onWord;
  #onRemove;
  #onPreset;
  #onChange;
  /** @type {StoredLora[]} */
  #stored = [];

  /**
   * @param {HTMLElement} container
   * @param {object} on
   * @param {(word: string) => void} on.word  a trigger word was chosen
   * @param {(name: string) => void} on.remove
   * @param {(name: string) => void} on.preset  the settings that it was made for are wanted
   * @param {() => void} on.change  others are here, or used, than before
   */
  constructor(container, { word, remove, preset, change }) {
    this.#container = container;
    this.#list = part(container, "ul", HTMLUListElement);
    this.#onWord = word;
    this.#onRemove = remove;
    this.#onPreset = preset;
    this.#onChange = change;
  }

  get stored() {
    return this.#stored;
  }

  /** Those that are used, for a request. */
  get used() {
    const items = [...this.#list.children].filter((item) => part(item, "[type=checkbox]", HTMLInputElement).checked);
    return items.map((item) => ({ name: nameIn(item), weight: Number(part(item, "[type=range]", HTMLInputElement).value) }));
  }

  /** What was set for those that are still there stays. @param {StoredLora[]} loras */
  show(loras) {
    const known = new Map([...this.#list.children].filter((item) => !part(item, "[type=checkbox]", HTMLInputElement).disabled).map((item) => [nameIn(item), item]));
    this.#list.replaceChildren(...loras.map((lora) => known.get(lora.name) ?? this.#item(lora)));
    this.#container.hidden = loras.length === 0;
    this.#stored = loras;
    this.#onChange();
  }

  /** @param {string} name */
  use(name) {
    const item = [...this.#list.children].find((each) => nameIn(each) === name);
    if (item) part(item, "[type=checkbox]", HTMLInputElement).checked = true;
    this.#onChange();
  }

  /** Of these, made for few steps, and of no others. @param {string[]} names */
  offerSettings(names) {
    for (const offer of this.#list.querySelectorAll("[data-part=preset]")) offer.toggleAttribute("hidden", !names.includes(nameIn(/** @type {Element} */ (offer.closest("li")))));
  }

  /**
   * Uses these and no others.
   * @param {{ name: string, weight: number }[]} wanted
   * @returns {string[]} the names of those that are not here
   */
  fill(wanted) {
    for (const item of this.#list.children) {
      const found = wanted.find(({ name }) => name === nameIn(item));
      const use = part(item, "[type=checkbox]", HTMLInputElement);
      use.checked = found !== undefined && !use.disabled;
      if (!found) continue;
      const weight = part(item, "[type=range]", HTMLInputElement);
      // Exactly, also where the slider would not stop.
      Object.assign(weight, { step: "any", min: String(Math.min(found.weight, Number(weight.min))), max: String(Math.max(found.weight, Number(weight.max))) });
      weight.value = String(found.weight);
      weight.dispatchEvent(new Event("input"));
    }
    this.#onChange();
    const here = this.used.map(({ name }) => name);
    return wanted.map(({ name }) => name).filter((name) => !here.includes(name));
  }

  /** @param {StoredLora} lora */
  #item({ name, bytes, facts }) {
    const item = document.createElement("li");
    item.dataset.name = name;
    const use = Object.assign(input("checkbox"), { disabled: !facts });
    const label = document.createElement("label");
    label.className = "check";
    label.append(use, ` ${name}`);
    const size = document.createElement("span");
    size.className = "quiet";
    const what = facts ? (facts.preset?.name ?? facts.baseModel) : say("loraIncomplete");
    size.textContent = [megabytes(bytes), what].filter(Boolean).join(", ");
    const weight = Object.assign(input("range"), { ...WEIGHT, disabled: !facts, value: "1" });
    weight.setAttribute("aria-label", say("weightOf", { name }));
    const shown = document.createElement("output");
    const showWeight = () => {
      shown.value = Number(weight.value).toFixed(2);
    };
    showWeight();
    weight.addEventListener("input", () => {
      showWeight();
      use.checked = true;
    });
    const row = document.createElement("div");
    row.className = "weight";
    row.append(weight, shown, button(say("remove"), () => this.#onRemove(name), say("deedOn", { deed: say("remove"), name })));
    const words = document.createElement("p");
    words.className = "words";
    words.append(...(facts?.triggerWords ?? []).map((word) => button(word, () => this.#onWord(word), say("addWord", { word }))));
    words.hidden = words.childElementCount === 0;
    item.append(label, " ", size, row, words);
    if (facts?.preset) item.append(this.#offer(name, facts.preset));
    return item;
  }

  /**
   * @param {string} name
   * @param {import("../protocol.js").Preset} preset
   */
  #offer(name, { steps, guidanceScale, ...sampling }) {
    const guidance = guidanceScale > 1 ? say("captionGuidance", { guidance: guidanceScale }) : say("guidanceOff");
    const settings = [say("captionSteps", { steps }), guidance, namesOf(sampling).sampler].join(say("comma"));
    const text = say("useItsSettings", { settings });
    const offer = Object.assign(document.createElement("p"), { className: "words", hidden: true });
    offer.dataset.part = "preset";
    offer.append(button(text, () => this.#onPreset(name), say("deedOn", { deed: text, name })));
    return offer;
  }
}

/** @param {Element} item */
function nameIn(item) {
  return /** @type {HTMLElement} */ (item).dataset.name ?? "";
}

/** @param {string} type */
function input(type) {
  return Object.assign(document.createElement("input"), { type });
}

/**
 * @param {string} text
 * @param {() => void} onClick
 * @param {string} label
 */
function button(text, onClick, label) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return made;
}
