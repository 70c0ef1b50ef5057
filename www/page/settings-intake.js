// @ts-check
/** Settings of pictures, on their way into the form: from the gallery, or from a file that is dropped anywhere on the page. */

import { settingsOf } from "./picture-file.js";
import { say } from "./text.js";

/** @typedef {import("./settings.js").Settings} Settings */

/** Of what a picture asks that we cannot do, so much is told by name. */
const MOST_UNKNOWN = 8;

export class SettingsIntake {
  #form;
  #loras;

  /**
   * @param {object} parts
   * @param {Pick<import("./prompt-form.js").PromptForm, "fill" | "tell">} parts.form
   * @param {Pick<import("./loras-view.js").LorasView, "fill">} parts.loras
   * @param {(work: () => Promise<unknown>) => Promise<void>} parts.attempt  runs it, and tells what goes wrong
   */
  constructor({ form, loras, attempt }) {
    this.#form = form;
    this.#loras = loras;
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      const [file] = event.dataTransfer?.files ?? [];
      // Places of their own take files first.
      if (event.defaultPrevented || !file) return;
      event.preventDefault();
      void attempt(() => this.#read(file));
    });
  }

  /**
   * @param {Settings} settings
   * @param {string} [told]  about where they come from
   */
  take(settings, told = "") {
    this.#form.fill(settings);
    const missing = this.#loras.fill(settings.loras ?? []);
    const notes = [told];
    if (settings.strength !== undefined || settings.skipBase) notes.push(say("startedFromPicture"));
    if (missing.length > 0) notes.push(say("lorasMissing", { names: missing.join(", ") }));
    this.#form.tell(notes.filter(Boolean).join(" "));
  }

  /** @param {Blob} file */
  async #read(file) {
    const found = await settingsOf(file);
    if (!found) return this.#form.tell(say("settingsNone"));
    const unknown = listed([...new Set(found.unknown)]);
    this.take(found.request, say(unknown ? "settingsUnknown" : "settingsRead", { unknown }));
  }
}

/** @param {string[]} things */
function listed(things) {
  const more = things.length - MOST_UNKNOWN;
  return [...things.slice(0, MOST_UNKNOWN), ...(more > 0 ? [say("andMore", { count: more })] : [])].join(", ");
}
