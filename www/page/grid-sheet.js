// @ts-check
/** A grid's pictures in a table that fills while they are drawn. It makes their blob URLs and gives them back. */

import { part } from "./element.js";
import { fileName } from "./image-view.js";
import { saveFile } from "./save-file.js";
import { sheetPicture } from "./sheet-picture.js";
import { say } from "./text.js";

/**
 * @typedef {import("./drawing.js").Job} Job
 * @typedef {import("./grid.js").Headers} Headers
 * @typedef {import("./picture-store.js").PictureRecord} PictureRecord
 * @typedef {"picture" | "drawing" | "waiting" | "missing" | "removed"} State
 */

/**
 * @typedef {object} Cell
 * @property {Job} job
 * @property {HTMLTableCellElement} box
 * @property {number | null} id          of the stored picture
 * @property {PictureRecord | null} record
 * @property {State | null} state        that is shown
 * @property {string} url
 */

/** What is said where there is no picture. @type {Record<Exclude<State, "picture">, import("./text.js").Key>} */
const SAID = { drawing: "stageBase", waiting: "waitingHeading", missing: "sheetMissing", removed: "sheetRemoved" };

export class GridSheet {
  #container;
  #on;
  #rest;
  #save;
  /** @type {Headers} */
  #grid = { columns: [], rows: [], names: [] };
  /** Row by row. @type {Cell[]} */
  #cells = [];
  /** @type {Set<Job["request"]>} */
  #waiting = new Set();
  /** @type {Job["request"] | null} */
  #drawn = null;

  /**
   * @param {HTMLElement} container
   * @param {object} on
   * @param {(jobs: Job[]) => void} on.draw
   * @param {(id: number) => void} on.open
   * @param {() => void} on.leave  the focus has to go somewhere
   * @param {(work: () => Promise<unknown>) => Promise<unknown>} on.attempt  runs it, and tells what goes wrong
   */
  constructor(container, on) {
    this.#container = container;
    this.#on = on;
    this.#rest = part(container, "[data-part=rest]", HTMLButtonElement);
    this.#save = part(container, "[data-part=save]", HTMLButtonElement);
    this.#rest.addEventListener("click", () => {
      // The button goes away.
      container.focus({ preventScroll: true });
      on.draw(this.#missing.map(({ job }) => job));
    });
    this.#save.addEventListener("click", () => on.attempt(() => this.#saveAll()));
    part(container, "[data-part=close]", HTMLButtonElement).addEventListener("click", () => {
      this.#clear();
      container.hidden = true;
      on.leave();
    });
  }

  /**
   * In place of the one before.
   * @param {Headers} grid
   * @param {Job[]} jobs  row by row
   */
  show(grid, jobs) {
    this.#clear();
    this.#grid = grid;
    this.#cells = jobs.map((job) => ({ job, box: document.createElement("td"), id: null, record: null, state: null, url: "" }));
    part(this.#container, ".scroll", HTMLElement).replaceChildren(this.#table());
    this.#container.hidden = false;
    this.#update();
  }

  /**
   * @param {Job[]} waiting
   * @param {Job | null} drawn
   */
  queued(waiting, drawn) {
    this.#waiting = new Set(waiting.map(({ request }) => request));
    this.#drawn = drawn?.request ?? null;
    this.#update();
  }

  /**
   * @param {Job["request"]} request
   * @param {number} id
   */
  added(request, id) {
    const cell = this.#cells.find(({ job }) => job.request === request);
    if (cell) cell.id = id;
  }

  /** @param {PictureRecord[]} records */
  listed(records) {
    const byId = new Map(records.map((record) => [record.id, record]));
    for (const cell of this.#cells) cell.record = byId.get(cell.id ?? NaN) ?? null;
    this.#update();
  }

  get #missing() {
    return this.#cells.filter(({ state }) => state === "missing" || state === "removed");
  }

  #update() {
    for (const cell of this.#cells) {
      const state = this.#stateOf(cell);
      if (state !== cell.state) this.#put(cell, state);
    }
    const drawn = this.#cells.filter(({ state }) => state === "picture").length;
    part(this.#container, "[role=status]", HTMLElement).textContent = say("sheetDrawn", { drawn, all: this.#cells.length });
    this.#rest.hidden = this.#missing.length === 0;
    this.#save.disabled = drawn === 0;
  }

  /**
   * @param {Cell} cell
   * @returns {State}
   */
  #stateOf({ job, id, record }) {
    if (record) return "picture";
    if (job.request === this.#drawn) return "drawing";
    if (this.#waiting.has(job.request)) return "waiting";
    return id === null ? "missing" : "removed";
  }

  /**
   * @param {Cell} cell
   * @param {State} state
   */
  #put(cell, state) {
    URL.revokeObjectURL(cell.url);
    cell.state = state;
    cell.box.className = state;
    if (state === "picture" && cell.record) cell.box.replaceChildren(this.#picture(cell, cell.record));
    else if (state !== "picture") cell.box.textContent = say(SAID[state]);
  }

  /**
   * @param {Cell} cell
   * @param {PictureRecord} record
   */
  #picture(cell, { id, thumbnail, width, height }) {
    cell.url = URL.createObjectURL(thumbnail);
    const { name = "" } = cell.job;
    const button = Object.assign(document.createElement("button"), { type: "button", title: name });
    button.append(Object.assign(document.createElement("img"), { src: cell.url, alt: name, width, height }));
    button.addEventListener("click", () => this.#on.open(id));
    return button;
  }

  #table() {
    const { columns, rows } = this.#grid;
    const table = document.createElement("table");
    table.style.setProperty("--columns", String(columns.length));
    table.createCaption().textContent = this.#cells[0]?.job.request.prompt ?? "";
    const hasHeaders = { columns: columns.some(Boolean), rows: rows.some(Boolean) };
    if (hasHeaders.columns) {
      const corner = hasHeaders.rows ? [document.createElement("td")] : [];
      table.createTHead().insertRow().append(...corner, ...columns.map((text) => header("col", text)));
    }
    const body = table.createTBody();
    for (const [at, text] of rows.entries()) {
      const cells = this.#cells.slice(at * columns.length, (at + 1) * columns.length);
      body.insertRow().append(...(hasHeaders.rows ? [header("row", text)] : []), ...cells.map(({ box }) => box));
    }
    return table;
  }

  async #saveAll() {
    const [first] = this.#cells;
    if (!first) return;
    const contents = this.#cells.map(({ record, box }) => record?.png ?? box.textContent ?? "");
    saveFile(await sheetPicture(this.#grid, first.job.request, contents), `grid-${fileName(first.job.request)}`);
  }

  #clear() {
    for (const { url } of this.#cells) URL.revokeObjectURL(url);
    this.#cells = [];
  }
}

/**
 * @param {"col" | "row"} scope
 * @param {string} text
 */
function header(scope, text) {
  return Object.assign(document.createElement("th"), { scope, textContent: text });
}
