// @ts-check
/** What was typed into the form -> a request, or what is wrong with it, field by field. */

/**
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {Omit<import("../protocol.js").DrawRequest, "loras">} FormRequest  LoRAs are chosen elsewhere
 * @typedef {{ prompt: string, negativePrompt: string, seed: string, steps: string, guidanceScale: string, width: string, height: string,
 *   refine: boolean, switchAt: string }} Typed
 * @typedef {keyof Typed} Field
 * @typedef {Partial<Record<Field, string>>} Problems
 */

/** The scheduler knows a thousand timesteps; more steps than this have never helped a picture. */
const MAX_STEPS = 150;
const MAX_GUIDANCE = 30;

/** Dice stay in what other tools show as a seed; typed seeds may use every integer that JavaScript holds exactly. */
const DICE_SEEDS = 2 ** 32;

/**
 * @param {Typed} typed
 * @param {ModelFacts} facts
 * @returns {{ request: FormRequest | null, problems: Problems }}
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

  note("prompt", typed.prompt.trim() === "" ? "Say what to draw." : null);
  note("seed", Number.isSafeInteger(seed) && seed >= 0 ? null : `A whole number from 0 to ${Number.MAX_SAFE_INTEGER}, or roll the dice.`);
  note("steps", Number.isInteger(steps) && steps >= 1 && steps <= MAX_STEPS ? null : `A whole number from 1 to ${MAX_STEPS}.`);
  note("guidanceScale", guidanceScale >= 1 && guidanceScale <= MAX_GUIDANCE ? null : `A number from 1 to ${MAX_GUIDANCE}.`);
  note("width", sideProblem(width, facts));
  note("height", sideProblem(height, facts));
  const refine = typed.refine && facts.refiner;
  if (refine) note("switchAt", switchAt > 0 && switchAt < 1 ? null : "A number between 0 and 1, such as 0.8.");

  if (Object.keys(problems).length > 0) return { request: null, problems };
  return {
    problems,
    request: {
      prompt: typed.prompt.trim(),
      negativePrompt: typed.negativePrompt.trim() || null,
      seed,
      steps,
      guidanceScale,
      width,
      height,
      refiner: refine ? { switchAt } : null,
      originalSize: null,
      cropTopLeft: null,
      targetSize: null,
      aestheticScore: null,
      negativeAestheticScore: null,
    },
  };
}

/**
 * @param {number} side
 * @param {ModelFacts} facts
 * @returns {string | null}
 */
function sideProblem(side, { multiple, minSide, maxSide }) {
  if (Number.isInteger(side) && side >= minSide && side <= maxSide && side % multiple === 0) return null;
  if (Number.isInteger(side) && side >= minSide && side <= maxSide) {
    const below = Math.floor(side / multiple) * multiple;
    return `A multiple of ${multiple}: ${Math.max(below, minSide)} or ${Math.min(below + multiple, maxSide)}.`;
  }
  return `From ${minSide} to ${maxSide}, a multiple of ${multiple}.`;
}

/** @param {string} text */
function toNumber(text) {
  return text.trim() === "" ? NaN : Number(text);
}

/** @param {() => number} [random] */
export function rollSeed(random = Math.random) {
  return Math.floor(random() * DICE_SEEDS);
}
