// @ts-check
/** Where a model is to come from: addresses or files for its halves, and how it is stored. */

import { part } from "./element.js";

/**
 * @typedef {import("../protocol.js").Kind} Kind
 * @typedef {import("../protocol.js").ImportSource} ImportSource
 * @typedef {import("../protocol.js").ImportRequest} ImportRequest
 * @typedef {{ packed: { path: string, file: File }[] } | { halves: Omit<ImportRequest, "model">[] }} Wish  a packed model, or checkpoints to make one of
 */

/** What a packed model's folder or archive has, and no checkpoint. */
const PACKED = /(^|\/)manifest\.json$|\.tar$/;

export class ImportForm {
  #form;
  #onImport;
  /** Chosen in place of what the field says. @type {Map<string, { path: string, file: File }[]>} */
  #chosen = new Map();

  /**
   * @param {HTMLFormElement} form
   * @param {(wish: Wish) => void} onImport
   */
  constructor(form, onImport) {
    this.#form = form;
    this.#onImport = onImport;
    for (const place of form.querySelectorAll("[data-place]")) this.#connect(/** @type {HTMLElement} */ (place));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const wish = this.#wish();
      if (wish) this.#onImport(wish);
    });
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    part(this.#form, "button[type=submit]", HTMLButtonElement).disabled = busy;
  }

  /** @param {string} text */
  tell(text) {
    part(this.#form, "[role=status]", HTMLElement).textContent = text;
  }

  /** @param {HTMLElement} place */
  #connect(place) {
    const field = part(place, "input[type=text]", HTMLInputElement);
    const take = (/** @type {{ path: string, file: File }[]} */ files) => {
      if (files.length === 0) return;
      this.#chosen.set(field.name, files);
      field.value = files.length === 1 ? (files[0]?.path ?? "") : `${files.length} files`;
      this.#problem(field, "");
    };
    // What is typed is meant instead of what was chosen.
    field.addEventListener("input", () => this.#chosen.delete(field.name));
    for (const input of place.querySelectorAll("input[type=file]")) {
      const chooser = /** @type {HTMLInputElement} */ (input);
      chooser.addEventListener("change", () => take([...(chooser.files ?? [])].map((file) => ({ path: pathOf(file), file }))));
    }
    place.addEventListener("dragover", (event) => event.preventDefault());
    place.addEventListener("drop", async (event) => {
      event.preventDefault();
      take(await droppedFiles(event.dataTransfer));
    });
  }

  /** @returns {Wish | null} */
  #wish() {
    const data = new FormData(this.#form);
    const field = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
    const source = (/** @type {string} */ name) => {
      const files = this.#chosen.get(name);
      /** @type {ImportSource | null} */
      const found = files ? { files } : field(name) ? { address: field(name) } : null;
      return found;
    };
    const base = source("base");
    const input = part(this.#form, "[name=base]", HTMLInputElement);
    this.#problem(input, base ? "" : "Name a repository or an address, or choose files.");
    if (!base) return null;
    if ("files" in base && base.files.some(({ path }) => PACKED.test(path))) return { packed: base.files };
    const scheme = /** @type {ImportRequest["scheme"]} */ (field("scheme"));
    const token = field("token") || null;
    const half = (/** @type {Kind} */ kind, /** @type {ImportSource} */ from) => ({ kind, from, name: nameOf(from), scheme, token, vae: kind === "base" ? source("vae") : null });
    const refiner = source("refiner");
    return { halves: [half("base", base), ...(refiner ? [half("refiner", refiner)] : [])] };
  }

  /**
   * @param {HTMLInputElement} field
   * @param {string} problem
   */
  #problem(field, problem) {
    field.setAttribute("aria-invalid", String(problem !== ""));
    part(this.#form, `#problem-import-${field.name}`, HTMLElement).textContent = problem;
    if (problem) field.focus();
  }
}

/** Below the folder that was chosen, if one was. @param {File} file */
function pathOf(file) {
  return file.webkitRelativePath.split("/").slice(1).join("/") || file.name;
}

/** @param {ImportSource} source */
function nameOf(source) {
  const text = "address" in source ? source.address : (source.files[0]?.path ?? "");
  const parts = text.replace(/\.safetensors$/, "").split("/").filter(Boolean);
  return parts.at(-1) ?? "model";
}

/**
 * Files and what is in dropped folders, which a browser tells only by callbacks.
 * @param {DataTransfer | null} transfer
 */
async function droppedFiles(transfer) {
  const entries = [...(transfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const lists = await Promise.all(entries.map((entry) => filesIn(entry, "")));
  return lists.flat();
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} folder
 * @returns {Promise<{ path: string, file: File }[]>}
 */
async function filesIn(entry, folder) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    return [{ path: `${folder}${entry.name}`, file }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    found.push(...some);
  }
  const below = entry.fullPath.slice(1).includes("/") ? `${folder}${entry.name}/` : "";
  const lists = await Promise.all(found.map((each) => filesIn(each, below)));
  return lists.flat();
}
