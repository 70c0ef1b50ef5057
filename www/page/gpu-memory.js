// @ts-check
/** How much of the GPU's memory is planned with. WebGPU does not tell how much there is, so the user may. */

import { megabytes } from "../support.js";
import { recall, remember } from "./remembered.js";
import { say } from "./text.js";

const CHOICE = "sdxl-web gpu memory";
const GIB = 2 ** 30;
const CHOICES = [2, 3, 4, 6, 8, 12, 16, 24].map((gibibytes) => gibibytes * GIB);

export class GpuMemory {
  #select;

  /** @param {HTMLSelectElement} select */
  constructor(select) {
    this.#select = select;
    select.append(new Option(say("gpuMemoryGuess"), ""), ...CHOICES.map((bytes) => new Option(megabytes(bytes), String(bytes))));
    select.value = recall(CHOICE) ?? "";
    // One that is not offered.
    if (select.selectedIndex < 0) select.value = "";
    select.addEventListener("change", () => remember(CHOICE, select.value));
  }

  /** The engine's own guess where it is null. @returns {number | null} */
  get bytes() {
    return Number(this.#select.value) || null;
  }
}
