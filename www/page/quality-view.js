// @ts-check
/** The choice between presets of quality: puts their settings into the form, and marks the one that is there. */

import { part } from "./element.js";
import { best, fast, fewStepsFor, fewStepsIn, isSame, lorasWith, qualityOf, runsOf, standard } from "./quality.js";
import { say } from "./text.js";

/**
 * @typedef {import("./quality.js").Quality} Quality
 * @typedef {import("./quality.js").FewSteps} FewSteps
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 */

/** One of those that src/preset.rs knows, with a repository of its own. */
const LORA = { address: "latent-consistency/lcm-lora-sdxl", name: "LCM-LoRA", size: "394 MB" };

export class QualityView {
  #container;
  #hint;
  #offer;
  #form;
  #loras;
  /** Fast was asked for where there was no LoRA for it. */
  #wantsFast = false;

  /**
   * @param {HTMLElement} container
   * @param {object} parts
   * @param {Pick<import("./prompt-form.js").PromptForm, "facts" | "recipe" | "fill">} parts.form
   * @param {Pick<import("./loras-view.js").LorasView, "stored" | "used" | "fill" | "offerSettings">} parts.loras
   * @param {(address: string) => void} parts.bringLora  asks whether to load it
   * @param {() => void} parts.bringModel
   */
  constructor(container, { form, loras, bringLora, bringModel }) {
    this.#container = container;
    this.#hint = part(container, ".hint", HTMLElement);
    this.#offer = part(container, "[data-part=offer]", HTMLElement);
    this.#form = form;
    this.#loras = loras;
    container.addEventListener("change", ({ target }) => {
      if (target instanceof HTMLInputElement) this.#choose(/** @type {Quality} */ (target.value));
    });
    part(this.#offer, "button", HTMLButtonElement).addEventListener("click", () => (form.facts?.demo ? bringModel() : bringLora(LORA.address)));
  }

  /** After whatever changed: settings, LoRAs, the model. */
  update() {
    const { facts, recipe } = this.#form;
    if (!facts) return;
    const fewSteps = fewStepsIn(this.#loras.stored);
    const fit = this.#fastest(facts);
    // It was asked for, and now there is one.
    if (this.#wantsFast && fit) return this.#choose("fast");
    const marked = qualityOf(recipe, this.#loras.used, facts, fewSteps);
    for (const radio of this.#container.querySelectorAll("input")) radio.checked = radio.value === marked;
    this.#tell("fast", fit ? say("captionSteps", { steps: fit.preset.steps }) : say("qualityFastNeeds"));
    this.#tell("standard", say("captionSteps", { steps: standard(facts).steps }));
    this.#tell("best", say("captionSteps", { steps: best(facts).steps }));
    this.#hint.textContent = hintFor(marked, facts, fit);
    this.#showOffer(facts);
    const inUse = fewSteps.filter(({ name }) => this.#loras.used.some((each) => each.name === name));
    this.#loras.offerSettings(inUse.filter(({ preset }) => !isSame(recipe, fast(preset))).map(({ name }) => name));
  }

  /** Sets what a LoRA for few steps was made for. @param {string} lora */
  useSettingsOf(lora) {
    const found = fewStepsIn(this.#loras.stored).find(({ name }) => name === lora);
    if (found) this.#set(fast(found.preset), found);
  }

  /** @param {Quality} quality */
  #choose(quality) {
    const { facts } = this.#form;
    if (!facts) return;
    const fit = quality === "fast" ? this.#fastest(facts) : null;
    this.#wantsFast = quality === "fast" && !fit;
    if (fit) this.#set(fast(fit.preset), fit);
    else if (quality === "fast") this.update();
    else this.#set(quality === "best" ? best(facts) : standard(facts), null);
  }

  /**
   * @param {import("./quality.js").Recipe} recipe
   * @param {FewSteps | null} lora
   */
  #set(recipe, lora) {
    this.#form.fill(recipe);
    this.#loras.fill(lorasWith(this.#loras.used, fewStepsIn(this.#loras.stored), lora));
  }

  /** The one that is used already, or else the first. @param {ModelFacts} facts */
  #fastest(facts) {
    const fewSteps = fewStepsFor(this.#loras.stored, facts);
    const used = this.#loras.used.map(({ name }) => name);
    return fewSteps.find(({ name }) => used.includes(name)) ?? fewSteps[0] ?? null;
  }

  /** @param {ModelFacts} facts */
  #showOffer({ demo }) {
    this.#offer.hidden = !this.#wantsFast;
    part(this.#offer, "p", HTMLElement).textContent = this.#wantsFast ? say(demo ? "fastOfferDemo" : "fastOffer", LORA) : "";
    part(this.#offer, "button", HTMLElement).textContent = demo ? say("useRealSdxl") : say("fastGet", LORA);
  }

  /**
   * @param {Quality} quality
   * @param {string} text
   */
  #tell(quality, text) {
    part(this.#container, `[value=${quality}] ~ [data-part=cost]`, HTMLElement).textContent = text;
  }
}

/**
 * What it costs.
 * @param {Quality | null} quality
 * @param {ModelFacts} facts
 * @param {FewSteps | null} fewSteps
 */
function hintFor(quality, facts, fewSteps) {
  if (quality === "fast" && fewSteps) {
    return say("qualityFastHint", { name: fewSteps.name, percent: Math.ceil((100 * runsOf(fast(fewSteps.preset))) / runsOf(standard(facts))) });
  }
  if (quality === "best") return say(facts.refiner ? "qualityBestHint" : "qualityBestAlone");
  return say(quality === "standard" ? "qualityStandardHint" : "qualityOwnHint");
}
