// @ts-check
/** The form: reads the fields, tells beside each what is wrong with it. */

import { fillAdvanced } from "./advanced-settings.js";
import { Aspects } from "./aspects.js";
import { part } from "./element.js";
import { GridForm } from "./grid-form.js";
import { isGrid, readGrid } from "./grid.js";
import { standard } from "./quality.js";
import { UNTOUCHED, readRequest, rollSeed, sideProblem, typedOf } from "./request.js";
import { STYLES, styled } from "./styles.js";
import { say } from "./text.js";

/**
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {import("./request.js").FormRequest} FormRequest
 * @typedef {import("./request.js").Field | import("./grid.js").GridField} Field
 * @typedef {import("./grid.js").GridTyped} Typed
 * @typedef {import("./settings.js").Settings} Settings
 */

/** Where the engine and the form call it otherwise. @type {Record<string, Field>} */
const FIELDS = { "refiner.strength": "refinerStrength" };

export class PromptForm {
  #form;
  #submit;
  #refine;
  #lock;
  #style;
  #examples;
  #aspects;
  #onSize;
  #around;
  #onChange;
  #onReading;
  /** @type {ModelFacts | null} */
  #facts = null;

  /**
   * @param {HTMLFormElement} form
   * @param {object} on
   * @param {(requests: FormRequest[], grid: import("./grid.js").Headers | null) => void} on.submit  called with valid requests only
   * @param {(width: number, height: number) => void} on.size  these are to be drawn now
   * @param {() => void} on.reading  prompts are to be read in another way now, or with other words around them
   * @param {() => void} on.change  something was typed, chosen or filled in
   * @param {() => import("./grid.js").Around} on.around
   */
  constructor(form, { submit, size, reading, change, around }) {
    this.#form = form;
    this.#onChange = change;
    this.#onSize = size;
    this.#onReading = reading;
    this.#around = around;
    this.#submit = part(form, "button[type=submit]", HTMLButtonElement);
    this.#refine = part(form, "[name=refine]", HTMLInputElement);
    this.#lock = part(form, "[name=lock]", HTMLInputElement);
    this.#style = part(form, "[name=style]", HTMLSelectElement);
    this.#examples = part(form, "[data-part=examples]", HTMLElement);
    this.#aspects = new Aspects(part(form, "[data-part=aspects]", HTMLElement), ({ width, height }) => this.fill({ width, height }));
    fillAdvanced(part(form, "[data-part=advanced]", HTMLElement));
    new GridForm(part(form, "#grid", HTMLElement));
    this.#style.append(...STYLES.map(({ id }) => new Option(say(id), id)));
    this.#put(UNTOUCHED);
    this.#put({ seed: String(rollSeed()) });

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { requests, grid } = this.#facts ? this.#read(this.#facts) : { requests: [], grid: null };
      if (requests.length > 0) submit(requests, grid);
      if (requests.length > 0 && !this.#lock.checked) this.#put({ seed: String(rollSeed()) });
    });
    form.addEventListener("input", (event) => {
      if (!(event.target instanceof Element)) return;
      const name = event.target.getAttribute("name");
      this.#mark(/** @type {Field} */ (name), null);
      if (name === "seed") this.#lock.checked = true;
      if (name === "width" || name === "height") this.#tellSize();
      change();
    });
    this.#field("prompt").addEventListener("keydown", (event) => {
      const { key, ctrlKey, metaKey } = /** @type {KeyboardEvent} */ (event);
      if (key === "Enter" && (ctrlKey || metaKey)) form.requestSubmit();
    });
    part(form, "[data-part=dice]", HTMLButtonElement).addEventListener("click", () => this.#put({ seed: String(rollSeed()) }));
    this.#examples.addEventListener("click", (event) => {
      if (event.target instanceof HTMLButtonElement) this.#put({ prompt: event.target.textContent ?? "" });
    });
    this.#refine.addEventListener("change", () => this.#showSwitch());
    for (const choice of [this.#field("promptSyntax"), this.#style]) choice.addEventListener("change", reading);
    this.#field("refinerMode").addEventListener("change", () => this.#showSwitch());
  }

  /**
   * Takes the numbers that fit a model.
   * @param {ModelFacts} facts
   */
  configure(facts) {
    this.#facts = facts;
    for (const name of /** @type {Field[]} */ (["width", "height"])) {
      Object.assign(this.#field(name), { min: String(facts.minSide), max: String(facts.maxSide), step: String(facts.multiple) });
    }
    this.#aspects.configure(facts);
    this.#put({ switchAt: String(facts.switchAt) });
    this.#refine.disabled = !facts.refiner;
    this.#refine.checked = false;
    this.fill({ ...standard(facts), width: facts.side, height: facts.side });
    part(this.#form, "[data-part=size-hint]", HTMLElement).textContent = say("sizeHint", { multiple: facts.multiple, side: facts.side });
    part(this.#form, "[data-part=refiner-hint]", HTMLElement).textContent = say(facts.refiner ? "refinerHint" : "noRefinerHint");
    this.#examples.hidden = !facts.demo;
    if (facts.demo && this.#value("prompt") === "") this.#put({ prompt: part(this.#examples, "button", HTMLButtonElement).textContent ?? "" });
    this.#submit.disabled = false;
  }

  /** What these settings do not name stays as it is. @param {Settings} settings */
  fill(settings) {
    const typed = typedOf(settings);
    this.#put(typed);
    // They have the style's words in them already.
    if (settings.prompt !== undefined) {
      this.#style.value = "";
      this.#onReading();
    }
    if (settings.seed !== undefined) this.#lock.checked = true;
    if (typed.refine !== undefined && !this.#refine.disabled) this.#refine.checked = typed.refine;
    this.#showSwitch();
    if (settings.width !== undefined || settings.height !== undefined) this.#tellSize();
    this.#onChange();
  }

  /** @param {{ drawing: boolean, busy: boolean }} state  busy is who cannot even be waited for */
  update({ drawing, busy }) {
    this.#submit.textContent = say(drawing ? "addToQueue" : "draw");
    this.#submit.disabled = busy || !this.#facts;
  }

  /** @param {string} text */
  tell(text) {
    part(this.#form, "[data-part=told]", HTMLElement).textContent = text;
  }

  /** @param {string} words */
  addToPrompt(words) {
    this.#put({ prompt: [this.#value("prompt").trim(), words].filter(Boolean).join(", ") });
  }

  /** Where the page is scrolled to stays, on a small screen that is the picture; but who goes by keyboard has to see where they are. */
  focus() {
    this.#submit.focus({ preventScroll: true });
    if (this.#submit.matches(":focus-visible")) this.#submit.scrollIntoView({ block: "nearest" });
  }

  /** What is set of all that makes a picture fast or good. @returns {import("./quality.js").Recipe} */
  get recipe() {
    const sampling = { sampler: this.#value("sampler"), noiseSchedule: this.#value("noiseSchedule"), timestepSpacing: this.#value("timestepSpacing") || null };
    const together = this.#value("refinerMode") === "ensemble" ? { switchAt: Number(this.#value("switchAt")) } : { strength: Number(this.#value("refinerStrength")) };
    return {
      steps: Number(this.#value("steps")),
      guidanceScale: Number(this.#value("guidanceScale")),
      sampling: /** @type {import("./quality.js").Recipe["sampling"]} */ (sampling),
      refiner: this.#refine.checked && !this.#refine.disabled ? together : null,
    };
  }

  /** Of the model that it is for. */
  get facts() {
    return this.#facts;
  }

  get hasFocus() {
    return this.#form.contains(document.activeElement) || document.activeElement === document.body;
  }

  /** As they are drawn, with the style's words. */
  get prompts() {
    return styled({ prompt: this.#value("prompt"), negativePrompt: this.#value("negativePrompt") }, this.#chosenStyle);
  }

  /** @returns {"plain" | "weighted"} */
  get syntax() {
    return this.#value("promptSyntax") === "plain" ? "plain" : "weighted";
  }

  /**
   * What the engine found wrong with a field that looked right here.
   * @param {string} field
   * @param {string} message
   * @returns {boolean} whether there is such a field to be seen
   */
  showProblem(field, message) {
    const name = FIELDS[field] ?? /** @type {Field} */ (field);
    if (!this.#form.querySelector(`#problem-${CSS.escape(name)}`)) return false;
    this.#mark(name, message);
    this.#reveal(name);
    // What it was asked for with may have been switched off since.
    return this.#field(name).getClientRects().length > 0;
  }

  /**
   * @param {ModelFacts} facts
   * @returns {import("./grid.js").ReadGrid}
   */
  #read(facts) {
    const around = this.#around();
    const data = new FormData(this.#form);
    if (!around.hasPicture) data.delete("strength");
    const fields = /** @type {Typed} */ (/** @type {unknown} */ (Object.fromEntries(data)));
    const typed = styled({ ...fields, refine: this.#refine.checked }, this.#chosenStyle);
    const read = isGrid(typed) ? readGrid(typed, facts, around) : readSequence(typed, facts);
    const { problems } = read;
    const names = [...this.#form.querySelectorAll(".problem")].map(({ id }) => /** @type {Field} */ (id.slice("problem-".length)));
    for (const name of names) this.#mark(name, problems[name] ?? null);
    const wrong = names.find((name) => problems[name]);
    if (wrong) this.#reveal(wrong);
    return read;
  }

  /** @param {Partial<Typed>} typed */
  #put(typed) {
    for (const [name, value] of Object.entries(typed)) {
      if (typeof value !== "string") continue;
      const field = this.#field(/** @type {Field} */ (name));
      field.value = value;
      this.#mark(/** @type {Field} */ (name), null);
      if (field instanceof HTMLTextAreaElement) field.dispatchEvent(new Event("input"));
    }
  }

  get #chosenStyle() {
    return STYLES.find(({ id }) => id === this.#style.value);
  }

  #tellSize() {
    const [width, height] = [Number(this.#value("width")), Number(this.#value("height"))];
    this.#aspects.mark({ width, height });
    // While a number is being typed, it is many others first.
    if (this.#facts && !sideProblem(width, this.#facts) && !sideProblem(height, this.#facts)) this.#onSize(width, height);
  }

  /** Also where it is folded away. @param {Field} name */
  #reveal(name) {
    const field = this.#field(name);
    const folded = field.closest("details");
    if (folded) folded.open = true;
    field.focus();
  }

  /**
   * @param {Field} name
   * @param {string | null} problem
   */
  #mark(name, problem) {
    const note = this.#form.querySelector(`#problem-${name}`);
    if (!note || !this.#form.querySelector(`[name=${name}]`)) return;
    note.textContent = problem ?? "";
    if (problem) this.#field(name).setAttribute("aria-invalid", "true");
    else this.#field(name).removeAttribute("aria-invalid");
  }

  #showSwitch() {
    const row = part(this.#form, "[data-part=switch]", HTMLElement);
    row.hidden = !this.#refine.checked || this.#refine.disabled || this.#value("refinerMode") !== "ensemble";
  }

  /** @param {Field} name */
  #value(name) {
    return this.#field(name).value;
  }

  /** @param {Field} name */
  #field(name) {
    return /** @type {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} */ (part(this.#form, `[name=${name}]`, HTMLElement));
  }
}

/**
 * Several pictures, with seeds that follow each other.
 * @param {Typed} typed
 * @param {ModelFacts} facts
 * @returns {import("./grid.js").ReadGrid}
 */
function readSequence(typed, facts) {
  const { request, images, problems } = readRequest(typed, facts);
  return { requests: request ? Array.from({ length: images }, (_, index) => ({ ...request, seed: request.seed + index })) : [], grid: null, problems };
}
