// @ts-check
/** Settings that most pictures do without, each with a line on what it does. */

import { say } from "./text.js";

/** @typedef {import("./text.js").Key} Key */
/** @typedef {{ name: string, label: Key, hint: Key | null, options?: [string, Key][], attributes?: Record<string, string> }} Row */

const NUMBER = { type: "number", inputmode: "decimal" };
const PIXELS = { type: "number", inputmode: "numeric", min: "0", step: "8" };

/** @type {Row[]} */
const ROWS = [
  { name: "sampler", label: "sampler", hint: "samplerHint", options: [["euler", "samplerEuler"], ["euler_ancestral", "samplerEulerAncestral"], ["dpmpp_2m", "samplerDpmpp2m"], ["dpmpp_2m_sde", "samplerDpmpp2mSde"], ["ddim", "samplerDdim"], ["unipc", "samplerUnipc"], ["lcm", "samplerLcm"]] },
  { name: "noiseSchedule", label: "noiseSchedule", hint: "noiseScheduleHint", options: [["default", "noiseScheduleDefault"], ["karras", "noiseScheduleKarras"], ["exponential", "noiseScheduleExponential"]] },
  { name: "timestepSpacing", label: "timestepSpacing", hint: "timestepSpacingHint", options: [["", "timestepSpacingModel"], ["leading", "timestepSpacingLeading"], ["trailing", "timestepSpacingTrailing"], ["linspace", "timestepSpacingLinspace"]] },
  { name: "guidanceRescale", label: "guidanceRescale", hint: "guidanceRescaleHint", attributes: { ...NUMBER, min: "0", max: "1", step: "0.05" } },
  { name: "promptSyntax", label: "promptSyntax", hint: "promptSyntaxHint", options: [["weighted", "promptSyntaxWeighted"], ["plain", "promptSyntaxPlain"]] },
  { name: "clipSkip", label: "clipSkip", hint: "clipSkipHint", attributes: { ...NUMBER, inputmode: "numeric", min: "0", max: "10", step: "1" } },
  { name: "refinerMode", label: "refinerMode", hint: "refinerModeHint", options: [["ensemble", "refinerModeEnsemble"], ["sdedit", "refinerModeSdedit"]] },
  { name: "refinerStrength", label: "refinerStrength", hint: "refinerStrengthHint", attributes: { ...NUMBER, min: "0.05", max: "1", step: "0.05" } },
  { name: "aestheticScore", label: "aestheticScore", hint: "aestheticScoreHint", attributes: { ...NUMBER, min: "0", max: "10", step: "0.5", placeholder: "6" } },
  { name: "negativeAestheticScore", label: "negativeAestheticScore", hint: null, attributes: { ...NUMBER, min: "0", max: "10", step: "0.5", placeholder: "2.5" } },
  { name: "originalWidth", label: "originalWidth", hint: "originalSizeHint", attributes: PIXELS },
  { name: "originalHeight", label: "originalHeight", hint: null, attributes: PIXELS },
  { name: "cropLeft", label: "cropLeft", hint: "cropHint", attributes: PIXELS },
  { name: "cropTop", label: "cropTop", hint: null, attributes: PIXELS },
  { name: "targetWidth", label: "targetWidth", hint: "targetSizeHint", attributes: PIXELS },
  { name: "targetHeight", label: "targetHeight", hint: null, attributes: PIXELS },
];

/** What there is to choose from, with the names of it. @param {string} setting */
export function choicesOf(setting) {
  return ROWS.find(({ name }) => name === setting)?.options ?? [];
}

/** @param {HTMLElement} container */
export function fillAdvanced(container) {
  container.replaceChildren(...ROWS.map(row));
}

/** @param {Row} row */
function row({ name, label, hint, options, attributes }) {
  const field = document.createElement("div");
  field.className = "field";
  const caption = Object.assign(document.createElement("label"), { htmlFor: name, textContent: say(label) });
  const control = document.createElement(options ? "select" : "input");
  for (const [key, value] of Object.entries({ id: name, name, ...attributes })) control.setAttribute(key, value);
  for (const [value, text] of options ?? []) control.append(Object.assign(document.createElement("option"), { value, textContent: say(text) }));
  const problem = Object.assign(document.createElement("p"), { className: "problem", id: `problem-${name}` });
  problem.setAttribute("role", "alert");
  control.setAttribute("aria-describedby", hint ? `problem-${name} hint-${name}` : problem.id);
  field.append(caption, control, problem);
  if (hint) field.append(Object.assign(document.createElement("p"), { className: "hint", id: `hint-${name}`, textContent: say(hint) }));
  return field;
}
