// @ts-check
/** What SDXL would take of this device: bytes to read and to keep, and, once its GPU was measured, memory and time. */

import { SDXL } from "../defaults.js";
import { megabytes } from "../support.js";
import { part } from "./element.js";
import { best, standard } from "./quality.js";
import { spellDuration } from "./step-clock.js";
import { say } from "./text.js";

/**
 * @typedef {import("../protocol.js").Forecast} Forecast
 * @typedef {"q8" | "q4"} Scheme
 */

const SIZE = 1024;
/** As the form's presets would ask for it, by itself and with the refiner. */
const STEPS = standard(SDXL).steps;
const REFINED_STEPS = best({ ...SDXL, refiner: true }).steps;

export class ForecastView {
  #container;
  #scheme;
  #generator;
  #memory;
  #work;

  /**
   * @param {HTMLDetailsElement} container
   * @param {object} parts
   * @param {Pick<import("./generator.js").Generator, "sizes" | "forecast">} parts.generator
   * @param {import("./gpu-memory.js").GpuMemory} parts.memory
   * @param {Pick<import("./work.js").Work, "attempt" | "run">} parts.work
   */
  constructor(container, { generator, memory, work }) {
    this.#container = container;
    this.#generator = generator;
    this.#memory = memory;
    this.#work = work;
    this.#scheme = part(container, "[name=scheme]", HTMLSelectElement);
    container.addEventListener("toggle", () => container.open && this.#show());
    this.#scheme.addEventListener("change", () => this.#show());
    part(container, "[data-part=measure]", HTMLButtonElement).addEventListener("click", () => this.#measure());
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    part(this.#container, "[data-part=measure]", HTMLButtonElement).disabled = busy;
  }

  #show() {
    const scheme = /** @type {Scheme} */ (this.#scheme.value);
    // Of what is chosen now only.
    part(this.#container, "[data-part=forecast]", HTMLElement).textContent = "";
    return this.#work.attempt(async () => {
      const { base, refiner } = await this.#generator.sizes(scheme);
      const bytes = { read: megabytes(base.read), stored: megabytes(base.stored), refinerRead: megabytes(refiner.read), refinerStored: megabytes(refiner.stored) };
      part(this.#container, "[data-part=sizes]", HTMLElement).textContent = say("sdxlSizes", bytes);
    });
  }

  async #measure() {
    const weights = /** @type {Scheme} */ (this.#scheme.value);
    const plan = { size: SIZE, weights, memory: this.#memory.bytes };
    await this.#work.run(
      async (options) => {
        const forecast = await this.#generator.forecast(plan, options);
        // Something else may have been chosen meanwhile.
        if (weights === this.#scheme.value) part(this.#container, "[data-part=forecast]", HTMLElement).textContent = spell(forecast);
      },
      { again: () => this.#measure() },
    );
  }
}

/** @param {Forecast} forecast */
function spell({ baseStep, refinerStep, decode, memory }) {
  const alone = STEPS * baseStep + decode;
  const ofBase = Math.round(REFINED_STEPS * SDXL.switchAt);
  const refined = ofBase * baseStep + (REFINED_STEPS - ofBase) * (refinerStep ?? baseStep) + decode;
  return say("sdxlForecast", {
    size: SIZE,
    steps: STEPS,
    standard: spellDuration(alone),
    refinedSteps: REFINED_STEPS,
    refined: spellDuration(refined),
    memory: megabytes(memory),
  });
}
