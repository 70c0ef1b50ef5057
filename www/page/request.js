// @ts-check
/** What was typed into the form -> a request, or what is wrong with it, field by field; and back. */

import { WITHOUT_NOISE_SCHEDULES } from "./sampler-names.js";
import { say } from "./text.js";

/**
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {Omit<import("../protocol.js").DrawRequest, "loras"> & Pick<Settings, "loras">} FormRequest  LoRAs are chosen elsewhere, but where they make a grid
 * @typedef {"prompt" | "negativePrompt" | "seed" | "steps" | "guidanceScale" | "width" | "height" | "switchAt" | "refinerStrength" | keyof typeof NUMBERS} TextField
 * @typedef {"sampler" | "noiseSchedule" | "timestepSpacing" | "promptSyntax" | "refinerMode"} Choice
 * @typedef {TextField | Choice | "refine" | "strength"} Field
 * @typedef {Record<TextField | Choice, string> & { refine: boolean, strength?: string }} Typed  a strength where there is a start picture
 * @typedef {Partial<Record<Field, string>>} Problems
 */

/** The scheduler knows a thousand timesteps; more steps than this have never helped a picture. */
const MAX_STEPS = 150;
const MAX_GUIDANCE = 30;
const MAX_PIXELS = 16384;

/** Dice stay in what other tools show as a seed; typed seeds may use every integer that JavaScript holds exactly. */
const DICE_SEEDS = 2 ** 32;

const PIXELS = { least: 0, most: MAX_PIXELS, whole: true, optional: true };
const SCORE = { least: 0, most: 10, whole: false, optional: true };

/** Fields whose bounds no model changes. */
const NUMBERS = {
  images: { least: 1, most: 16, whole: true, optional: false },
  guidanceRescale: { least: 0, most: 1, whole: false, optional: false },
  clipSkip: { least: 0, most: 10, whole: true, optional: false },
  aestheticScore: SCORE,
  negativeAestheticScore: SCORE,
  originalWidth: PIXELS,
  originalHeight: PIXELS,
  cropTop: PIXELS,
  cropLeft: PIXELS,
  targetWidth: PIXELS,
  targetHeight: PIXELS,
};

/** Numbers that mean something in twos only: height and width, or top and left. @type {[keyof typeof NUMBERS, keyof typeof NUMBERS][]} */
const PAIRS = [
  ["originalHeight", "originalWidth"],
  ["cropTop", "cropLeft"],
  ["targetHeight", "targetWidth"],
];

/** Of the refiner only: looked at where it takes part. */
const OF_REFINER = new Set(["aestheticScore", "negativeAestheticScore"]);

/** What every setting is that nobody has touched, but for what a model says. @type {Omit<Typed, "prompt" | "negativePrompt" | "seed" | "steps" | "guidanceScale" | "width" | "height" | "switchAt" | "refine">} */
export const UNTOUCHED = {
  images: "1",
  guidanceRescale: "0",
  clipSkip: "0",
  refinerStrength: "0.3",
  aestheticScore: "",
  negativeAestheticScore: "",
  originalWidth: "",
  originalHeight: "",
  cropTop: "",
  cropLeft: "",
  targetWidth: "",
  targetHeight: "",
  sampler: "euler",
  noiseSchedule: "default",
  timestepSpacing: "",
  promptSyntax: "weighted",
  refinerMode: "ensemble",
};

/**
 * @param {Typed} typed
 * @param {ModelFacts} facts
 * @returns {{ request: FormRequest | null, images: number, problems: Problems }}  and how many of it
 */
export function readRequest(typed, facts) {
  /** @type {Problems} */
  const problems = {};
  /**
   * @param {Field} field
   * @param {string | null} problem
   */
  const note = (field, problem) => {
    if (problem) problems[field] = problem;
  };

  const seed = toNumber(typed.seed);
  const steps = toNumber(typed.steps);
  const guidanceScale = toNumber(typed.guidanceScale);
  const width = toNumber(typed.width);
  const height = toNumber(typed.height);
  const switchAt = toNumber(typed.switchAt);
  const refinerStrength = toNumber(typed.refinerStrength);
  const strength = typed.strength === undefined ? null : toNumber(typed.strength);

  note("prompt", typed.prompt.trim() === "" ? say("sayWhatToDraw") : null);
  note("seed", Number.isSafeInteger(seed) && seed >= 0 ? null : say("seedProblem", { most: Number.MAX_SAFE_INTEGER }));
  note("steps", Number.isInteger(steps) && steps >= 1 && steps <= MAX_STEPS ? null : say("wholeNumber", { least: 1, most: MAX_STEPS }));
  note("guidanceScale", guidanceScale >= 1 && guidanceScale <= MAX_GUIDANCE ? null : say("numberFromTo", { least: 1, most: MAX_GUIDANCE }));
  note("width", sideProblem(width, facts));
  note("height", sideProblem(height, facts));
  const refine = typed.refine && facts.refiner;
  const isEnsemble = typed.refinerMode === "ensemble";
  if (refine && isEnsemble) note("switchAt", switchAt > 0 && switchAt < 1 ? null : say("switchProblem"));
  if (refine && !isEnsemble) note("refinerStrength", strengthProblem(refinerStrength, steps));
  if (strength !== null) note("strength", strengthProblem(strength, steps));

  const numbers = /** @type {Record<keyof typeof NUMBERS, number | null>} */ ({});
  for (const [name, bounds] of /** @type {[keyof typeof NUMBERS, typeof PIXELS][]} */ (Object.entries(NUMBERS))) {
    if (OF_REFINER.has(name) && !refine) continue;
    const value = typed[name].trim() === "" && bounds.optional ? null : toNumber(typed[name]);
    numbers[name] = value;
    note(name, value === null ? null : boundsProblem(value, bounds));
  }
  const { sampler } = typed;
  const hasSchedules = !WITHOUT_NOISE_SCHEDULES.some((name) => name === sampler);
  note("noiseSchedule", typed.noiseSchedule === "default" || hasSchedules ? null : say("noiseScheduleProblem"));
  note("timestepSpacing", typed.timestepSpacing === "" || sampler !== "lcm" ? null : say("timestepSpacingProblem"));
  for (const [first, second] of PAIRS) {
    const lacking = numbers[first] === null ? first : second;
    if ((numbers[first] === null) !== (numbers[second] === null)) note(lacking, say("bothOrNeither"));
  }
  if (Object.keys(problems).length > 0) return { request: null, images: 0, problems };

  const pair = (/** @type {keyof typeof NUMBERS} */ first, /** @type {keyof typeof NUMBERS} */ second) => {
    const [a, b] = [numbers[first], numbers[second]];
    return a === null || b === null ? null : /** @type {[number, number]} */ ([a, b]);
  };
  /** @type {FormRequest} */
  const request = {
    prompt: typed.prompt.trim(),
    negativePrompt: typed.negativePrompt.trim() || null,
    promptSyntax: /** @type {"plain" | "weighted"} */ (typed.promptSyntax),
    clipSkip: numbers.clipSkip ?? 0,
    seed,
    steps,
    sampling: /** @type {import("./settings.js").Sampling} */ ({ sampler: typed.sampler, noiseSchedule: typed.noiseSchedule, timestepSpacing: typed.timestepSpacing || null }),
    guidanceScale,
    guidanceRescale: numbers.guidanceRescale ?? 0,
    width,
    height,
    refiner: !refine ? null : isEnsemble ? { switchAt } : { strength: refinerStrength },
    originalSize: pair("originalHeight", "originalWidth"),
    cropTopLeft: pair("cropTop", "cropLeft"),
    targetSize: pair("targetHeight", "targetWidth"),
    aestheticScore: numbers.aestheticScore ?? null,
    negativeAestheticScore: numbers.negativeAestheticScore ?? null,
    ...(strength !== null && { strength }),
  };
  return { request, images: numbers.images ?? 1, problems };
}

/**
 * What has to be typed for a request; what it leaves out stays as it is.
 * @param {Settings} settings
 * @returns {Partial<Typed>}
 */
export function typedOf(settings) {
  /** @type {Partial<Typed>} */
  const typed = {};
  const put = (/** @type {TextField | Choice} */ field, /** @type {string | number | null | undefined} */ value) => {
    if (value !== undefined) typed[field] = value === null ? "" : String(value);
  };
  for (const field of /** @type {const} */ (["prompt", "negativePrompt", "seed", "steps", "guidanceScale", "width", "height", "guidanceRescale", "clipSkip", "promptSyntax", "aestheticScore", "negativeAestheticScore"])) put(field, settings[field]);
  put("sampler", settings.sampling?.sampler);
  put("noiseSchedule", settings.sampling?.noiseSchedule);
  put("timestepSpacing", settings.sampling?.timestepSpacing);
  for (const [pair, [first, second]] of /** @type {const} */ ([["originalSize", ["originalHeight", "originalWidth"]], ["cropTopLeft", ["cropTop", "cropLeft"]], ["targetSize", ["targetHeight", "targetWidth"]]])) {
    const value = settings[pair];
    if (value === undefined) continue;
    put(first, value && value[0]);
    put(second, value && value[1]);
  }
  const { refiner } = settings;
  if (refiner !== undefined) typed.refine = refiner !== null;
  if (refiner && "switchAt" in refiner) {
    typed.refinerMode = "ensemble";
    put("switchAt", refiner.switchAt);
  } else if (refiner) {
    typed.refinerMode = "sdedit";
    put("refinerStrength", refiner.strength);
  }
  return typed;
}

/**
 * @param {number} value
 * @param {typeof PIXELS} bounds
 */
export function boundsProblem(value, { least, most, whole, optional }) {
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return null;
  const key = whole ? (optional ? "wholeNumberOrNothing" : "wholeNumber") : optional ? "numberOrNothing" : "numberFromTo";
  return say(key, { least, most });
}

/**
 * It has to leave a step, of as many.
 * @param {number} strength
 * @param {number} steps
 */
function strengthProblem(strength, steps) {
  const least = steps >= 1 ? Math.ceil(100 / steps) / 100 : 0;
  return boundsProblem(strength, { least, most: 1, whole: false, optional: false });
}

/**
 * @param {number} side
 * @param {ModelFacts} facts
 * @returns {string | null}
 */
export function sideProblem(side, { multiple, minSide, maxSide }) {
  if (Number.isInteger(side) && side >= minSide && side <= maxSide && side % multiple === 0) return null;
  if (Number.isInteger(side) && side >= minSide && side <= maxSide) {
    const below = Math.floor(side / multiple) * multiple;
    return say("sideMultiple", { multiple, below: Math.max(below, minSide), above: Math.min(below + multiple, maxSide) });
  }
  return say("sideRange", { least: minSide, most: maxSide, multiple });
}

/** @param {string} text */
export function toNumber(text) {
  return text.trim() === "" ? NaN : Number(text);
}

/** @param {() => number} [random] */
export function rollSeed(random = Math.random) {
  return Math.floor(random() * DICE_SEEDS);
}
