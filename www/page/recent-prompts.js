// @ts-check
/** The prompts that were drawn last: of this browser only, and none where it keeps nothing. */

import { isRecord } from "./settings.js";

/** @typedef {{ prompt: string, negativePrompt: string | null }} RecentPrompt */

const KEY = "sdxl-web recent prompts";
const MOST = 20;

export class RecentPrompts {
  #storage;

  /** @param {() => Pick<Storage, "getItem" | "setItem" | "removeItem">} [storage]  even to ask for it may be refused */
  constructor(storage = () => localStorage) {
    this.#storage = storage;
  }

  /** The latest first. @returns {RecentPrompt[]} */
  get all() {
    const stored = this.#attempt((storage) => JSON.parse(storage.getItem(KEY) ?? "[]"));
    return Array.isArray(stored) ? stored.filter(isSound).slice(0, MOST) : [];
  }

  /** @param {RecentPrompt} prompt  one that is there already becomes the latest */
  add({ prompt, negativePrompt }) {
    const others = this.all.filter((each) => each.prompt !== prompt || each.negativePrompt !== negativePrompt);
    const kept = [{ prompt, negativePrompt }, ...others].slice(0, MOST);
    this.#attempt((storage) => storage.setItem(KEY, JSON.stringify(kept)));
  }

  clear() {
    this.#attempt((storage) => storage.removeItem(KEY));
  }

  /**
   * @template T
   * @param {(storage: Pick<Storage, "getItem" | "setItem" | "removeItem">) => T} use
   * @returns {T | null}
   */
  #attempt(use) {
    try {
      return use(this.#storage());
    } catch {
      // Switched off, full, or not what was written: nobody is to be kept from drawing by it.
      return null;
    }
  }
}

/** @param {unknown} value @returns {value is RecentPrompt} */
function isSound(value) {
  return isRecord(value) && typeof value.prompt === "string" && (value.negativePrompt === null || typeof value.negativePrompt === "string");
}
