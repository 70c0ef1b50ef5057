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
  #modelName;

  /**
   * @param {object} parts
   * @param {Pick<import("./prompt-form.js").PromptForm, "fill" | "tell">} parts.form
   * @param {Pick<import("./loras-view.js").LorasView, "fill">} parts.loras
   * @param {() => string} parts.modelName  of the one that draws
   * @param {(work: () => Promise<unknown>) => Promise<unknown>} parts.attempt  runs it, and tells what goes wrong
   */
  constructor({ form, loras, modelName, attempt }) {
    this.#form = form;
    this.#loras = loras;
    this.#modelName = modelName;
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
   * @param {string | null} model  that drew it
   * @param {string} [told]  about where they come from
   */
  take(settings, model, told = "") {
    this.#form.fill(settings);
    const missing = this.#loras.fill(settings.loras ?? []);
    const notes = [told];
    const now = this.#modelName();
    if (model && now && model !== now) notes.push(say("drawnByOther", { model, now }));
    const homeless = withoutPlace(settings);
    if (homeless.length > 0) notes.push(say("settingsWithoutPlace", { names: homeless.join(", ") }));
    if (settings.strength !== undefined || settings.skipBase) notes.push(say("startedFromPicture"));
    if (missing.length > 0) notes.push(say("lorasMissing", { names: missing.join(", ") }));
    this.#form.tell(notes.filter(Boolean).join(" "));
  }

  /** @param {Blob} file */
  async #read(file) {
    const found = await settingsOf(file);
    if (!found) return this.#form.tell(say("settingsNone"));
    const unknown = listed([...new Set(found.unknown)]);
    this.take(found.request, found.model, say(unknown ? "settingsUnknown" : "settingsRead", { unknown }));
  }
}

/**
 * What the form has no place for, where it is not as it would be without.
 * @param {Settings} settings
 */
export function withoutPlace({ prompt, prompt2, negativeSizes, images = 1, refiner, steps }) {
  const ofRefiner = refiner && "strength" in refiner ? refiner.steps : null;
  const has = {
    prompt2: Boolean(prompt2) && prompt2 !== prompt,
    negativeSizes: Boolean(negativeSizes),
    images: images > 1,
    "refiner.steps": Boolean(ofRefiner) && ofRefiner !== steps,
  };
  return Object.entries(has).flatMap(([name, is]) => (is ? [name] : []));
}

/** @param {string[]} things */
function listed(things) {
  const more = things.length - MOST_UNKNOWN;
  return [...things.slice(0, MOST_UNKNOWN), ...(more > 0 ? [say("andMore", { count: more })] : [])].join(", ");
}
