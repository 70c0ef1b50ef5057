// @ts-check
/** The form: reads the fields, tells beside each what is wrong with it. */

import { part } from "./element.js";
import { readRequest, rollSeed } from "./request.js";

/**
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {import("./request.js").FormRequest} FormRequest
 * @typedef {import("./request.js").Field} Field
 */

/** @type {Field[]} */
const FIELDS = ["prompt", "negativePrompt", "seed", "steps", "guidanceScale", "width", "height", "switchAt"];

export class PromptForm {
  #form;
  #submit;
  #refine;
  #examples;
  /** @type {ModelFacts | null} */
  #facts = null;

  /**
   * @param {HTMLFormElement} form
   * @param {(request: FormRequest) => void} onSubmit  called with valid requests only
   */
  constructor(form, onSubmit) {
    this.#form = form;
    this.#submit = part(form, "button[type=submit]", HTMLButtonElement);
    this.#refine = part(form, "[name=refine]", HTMLInputElement);
    this.#examples = part(form, "[data-part=examples]", HTMLElement);
    this.#field("seed").value = String(rollSeed());

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const request = this.#submit.disabled ? null : this.#read();
      if (request) onSubmit(request);
    });
    form.addEventListener("input", (event) => {
      if (event.target instanceof Element) this.#mark(/** @type {Field} */ (event.target.getAttribute("name")), null);
    });
    this.#field("prompt").addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey } = /** @type {KeyboardEvent} */ (event);
      if (key === "Enter" && (ctrlKey || metaKey)) form.requestSubmit();
    });
    part(form, "[data-part=dice]", HTMLButtonElement).addEventListener("click", () => {
      this.#field("seed").value = String(rollSeed());
      this.#mark("seed", null);
    });
    this.#examples.addEventListener("click", (event) => {
      if (event.target instanceof HTMLButtonElement) {
        this.#field("prompt").value = event.target.textContent ?? "";
        this.#mark("prompt", null);
      }
    });
    this.#refine.addEventListener("change", () => this.#showSwitch());
  }

  /**
   * Takes the numbers that fit a model.
   * @param {ModelFacts} facts
   */
  configure(facts) {
    this.#facts = facts;
    this.#field("steps").value = String(facts.steps);
    this.#field("guidanceScale").value = String(facts.guidance);
    this.#field("switchAt").value = String(facts.switchAt);
    for (const name of /** @type {Field[]} */ (["width", "height"])) {
      const field = /** @type {HTMLInputElement} */ (this.#field(name));
      field.value = String(facts.side);
      Object.assign(field, { min: String(facts.minSide), max: String(facts.maxSide), step: String(facts.multiple) });
    }
    this.#refine.disabled = !facts.refiner;
    this.#refine.checked = facts.refiner;
    part(this.#form, "[data-part=size-hint]", HTMLElement).textContent =
      `Multiples of ${facts.multiple}; this model was trained for ${facts.side} × ${facts.side}.`;
    part(this.#form, "[data-part=refiner-hint]", HTMLElement).textContent = facts.refiner
      ? "A second model, trained for the last steps, finishes the picture."
      : "This model comes without a refiner.";
    this.#examples.hidden = !facts.demo;
    this.#showSwitch();
    this.#submit.disabled = false;
  }

  /** @param {{ drawing: boolean }} state */
  update({ drawing }) {
    this.#submit.disabled = drawing || !this.#facts;
  }

  /** @param {string} words */
  addToPrompt(words) {
    const field = this.#field("prompt");
    field.value = [field.value.trim(), words].filter(Boolean).join(", ");
    this.#mark("prompt", null);
  }

  /** Where the page is scrolled to stays: on a small screen that is the picture. */
  focus() {
    this.#submit.focus({ preventScroll: true });
  }

  get hasFocus() {
    return this.#form.contains(document.activeElement) || document.activeElement === document.body;
  }

  /**
   * What the engine found wrong with a field that looked right here.
   * @param {string} field
   * @param {string} message
   * @returns {boolean} whether there is such a field
   */
  showProblem(field, message) {
    const known = FIELDS.find((name) => name === field);
    if (!known) return false;
    this.#mark(known, message);
    this.#field(known).focus();
    return true;
  }

  #read() {
    this.#clear();
    if (!this.#facts) return null;
    const value = (/** @type {Field} */ name) => this.#field(name).value;
    const { request, problems } = readRequest(
      {
        prompt: value("prompt"),
        negativePrompt: value("negativePrompt"),
        seed: value("seed"),
        steps: value("steps"),
        guidanceScale: value("guidanceScale"),
        width: value("width"),
        height: value("height"),
        refine: this.#refine.checked,
        switchAt: value("switchAt"),
      },
      this.#facts,
    );
    const wrong = FIELDS.filter((name) => problems[name]);
    for (const name of wrong) this.#mark(name, problems[name] ?? null);
    if (wrong[0]) this.#field(wrong[0]).focus();
    return request;
  }

  #clear() {
    for (const name of FIELDS) this.#mark(name, null);
  }

  /**
   * @param {Field} name
   * @param {string | null} problem
   */
  #mark(name, problem) {
    const note = this.#form.querySelector(`#problem-${name}`);
    if (!note) return;
    note.textContent = problem ?? "";
    if (problem) this.#field(name).setAttribute("aria-invalid", "true");
    else this.#field(name).removeAttribute("aria-invalid");
  }

  #showSwitch() {
    const row = part(this.#form, "[data-part=switch]", HTMLElement);
    row.hidden = !this.#refine.checked || this.#refine.disabled;
  }

  /** @param {Field} name */
  #field(name) {
    return /** @type {HTMLInputElement | HTMLTextAreaElement} */ (part(this.#form, `[name=${name}]`, HTMLElement));
  }
}
