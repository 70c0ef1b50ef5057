// @ts-check
/** A place that files come from: a field for an address or a repository, choosers for files and folders, and what is dropped on it. */

import { part } from "./element.js";
import { say } from "./text.js";

/** @typedef {import("../protocol.js").ImportSource} ImportSource */

export class PlaceField {
  #field;
  #note;
  /** Chosen in place of what the field says. @type {{ path: string, file: File }[] | null} */
  #chosen = null;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#field = part(place, "input[type=text]", HTMLInputElement);
    this.#note = part(place, ".problem", HTMLElement);
    const take = (/** @type {{ path: string, file: File }[]} */ files) => {
      if (files.length === 0) return;
      this.#chosen = files;
      this.#field.value = files.length === 1 ? (files[0]?.path ?? "") : say("filesChosen", { count: files.length });
      this.showProblem("");
    };
    // What is typed is meant instead of what was chosen.
    this.#field.addEventListener("input", () => {
      this.#chosen = null;
    });
    for (const input of place.querySelectorAll("input[type=file]")) {
      const chooser = /** @type {HTMLInputElement} */ (input);
      chooser.addEventListener("change", () => take([...(chooser.files ?? [])].map((file) => ({ path: pathOf(file), file }))));
    }
    place.addEventListener("dragover", (event) => event.preventDefault());
    place.addEventListener("drop", async (event) => {
      event.preventDefault();
      try {
        take(await droppedFiles(event.dataTransfer));
      } catch {
        this.showProblem(say("dropUnreadable"));
      }
    });
  }

  /** @returns {ImportSource | null} */
  get source() {
    if (this.#chosen) return { files: this.#chosen };
    const address = this.#field.value.trim();
    return address ? { address } : null;
  }

  clear() {
    this.#chosen = null;
    this.#field.value = "";
  }

  /** @param {string} address  to look at, and to change */
  propose(address) {
    this.clear();
    this.showProblem("");
    this.#field.value = address;
    this.#field.focus();
  }

  /** @param {string} problem */
  showProblem(problem) {
    this.#field.setAttribute("aria-invalid", String(problem !== ""));
    this.#note.textContent = problem;
    if (problem) this.#field.focus();
  }
}

/** What diffusers calls every LoRA's file. */
const NAMELESS = "pytorch_lora_weights.safetensors";

/** What to call it, for people. @param {ImportSource} source */
export function nameOf(source) {
  const text = "address" in source ? withoutView(source.address) : (source.files[0]?.path ?? "");
  const parts = text.split("/").filter(Boolean);
  const named = parts.length > 1 && parts.at(-1) === NAMELESS ? parts.slice(0, -1) : parts;
  return named.at(-1)?.replace(/\.safetensors$/, "") || "model";
}

/** Where in a repository it is, without how Hugging Face shows it and which revision. @param {string} address */
function withoutView(address) {
  return address.replace(/[?#].*/s, "").replace(/\/(resolve|blob|tree)\/[^/]+/, "");
}

/** Below the folder that was chosen, if one was. @param {File} file */
function pathOf(file) {
  return file.webkitRelativePath.split("/").slice(1).join("/") || file.name;
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
