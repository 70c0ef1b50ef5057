// @ts-check
/** How a picture was drawn, in words. */

import { namesOf } from "./sampler-names.js";
import { spellDuration } from "./step-clock.js";
import { language, say } from "./text.js";

/**
 * @param {import("./picture-store.js").PictureRecord} record
 * @returns {[label: string, value: string][]}  what was not used is left out
 */
export function settingsOf({ request, width, height, model, seconds, at }) {
  const { prompt, negativePrompt, seed, steps, guidanceScale, sampling, refiner, loras } = request;
  /** @type {[string, string | undefined][]} */
  const all = [
    [say("prompt"), prompt],
    [say("negativePrompt"), negativePrompt ?? ""],
    [say("seed"), String(seed)],
    [say("size"), `${width} × ${height}`],
    [say("steps"), String(steps)],
    [say("guidance"), String(guidanceScale)],
    [say("sampler"), sampling && namesOf(sampling).sampler],
    [say("refiner"), refiner ? refinerIn(refiner) : ""],
    [say("loras"), loras.map(({ name, weight }) => `${name} (${weight})`).join(", ")],
    [say("model"), model],
    [say("drawnIn"), spellDuration(seconds)],
    [say("drawnOn"), new Date(at).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" })],
  ];
  return all.flatMap(([label, value]) => (value ? [/** @type {[string, string]} */ ([label, value])] : []));
}

/** How it takes part. @param {NonNullable<import("./settings.js").Settings["refiner"]>} refiner */
export function refinerIn(refiner) {
  return "switchAt" in refiner ? say("refinerFrom", { percent: Math.round(refiner.switchAt * 100) }) : say("refinerRedraws", { percent: Math.round(refiner.strength * 100) });
}
