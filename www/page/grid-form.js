// @ts-check
/** The form's section for a grid: helps to write the values of its columns and rows, and counts them. */

import { part } from "./element.js";
import { OFFERED, exampleOf, isGrid, sizeOf } from "./grid.js";
import { say } from "./text.js";

/** @typedef {import("./grid.js").AxisName} AxisName */

/** @type {AxisName[]} */
const AXES = ["gridColumns", "gridRows"];

export class GridForm {
  #container;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    for (const axis of AXES) this.#listen(axis);
  }

  /** @param {AxisName} axis */
  #listen(axis) {
    const { parameter, values } = this.#fields(axis);
    /** What was written for each, while another is chosen. @type {Map<string, string>} */
    const written = new Map();
    let before = "";
    parameter.append(...OFFERED.map(([name, label]) => new Option(say(label), name)));
    parameter.addEventListener("change", () => {
      written.set(before, values.value);
      before = parameter.value;
      const { text, hint } = exampleOf(before);
      values.value = written.get(before) ?? text;
      part(this.#container, `#hint-${axis}`, HTMLElement).textContent = hint;
      part(this.#container, `[data-axis=${axis}]`, HTMLElement).hidden = before === "";
      // As if it were typed: what was wrong with the other's values is no longer there.
      values.dispatchEvent(new Event("input", { bubbles: true }));
    });
    values.addEventListener("input", () => this.#count());
  }

  #count() {
    const typed = { gridColumns: "", gridColumnsValues: "", gridRows: "", gridRowsValues: "" };
    for (const axis of AXES) Object.assign(typed, { [axis]: this.#fields(axis).parameter.value, [`${axis}Values`]: this.#fields(axis).values.value });
    const { columns, rows } = sizeOf(typed);
    const told = [say("gridCount", { columns, rows, count: columns * rows })];
    if (!AXES.some((axis) => typed[axis] === "seed")) told.push(say("gridOneSeed"));
    // Also where the section is folded away.
    part(this.#container, "[data-part=size]", HTMLElement).textContent = isGrid(typed) ? `${columns} × ${rows}` : "";
    part(this.#container, "[role=status]", HTMLElement).textContent = isGrid(typed) && columns * rows > 0 ? told.join(" ") : "";
  }

  /** @param {AxisName} axis */
  #fields(axis) {
    return { parameter: part(this.#container, `[name=${axis}]`, HTMLSelectElement), values: part(this.#container, `[name=${axis}Values]`, HTMLInputElement) };
  }
}
