// @ts-check
/** Presets of quality: the settings that each stands for, and which of them the form's settings are. */

/**
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {import("../protocol.js").StoredLora} StoredLora
 * @typedef {import("../protocol.js").Preset} Preset
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {"fast" | "standard" | "best"} Quality
 * @typedef {Required<Pick<Settings, "steps" | "guidanceScale" | "refiner">> & { sampling: Required<import("./settings.js").Sampling> }} Recipe
 * @typedef {{ name: string, preset: Preset }} FewSteps  a LoRA that was made for few steps
 */

/** As diffusers' documentation of base and refiner together has it: 40 steps where the base alone makes 30. */
const MORE_STEPS = 4 / 3;

/** The one weight that such a LoRA was made for. */
const WHOLE = 1;

/** @param {StoredLora[]} loras */
export function fewStepsIn(loras) {
  return loras.flatMap(({ name, facts }) => (facts?.preset ? [{ name, preset: facts.preset }] : []));
}

/**
 * Those that may fit the model. Most tell nothing of what they are for, but what is made for SDXL is larger than all of the demo model.
 * @param {StoredLora[]} loras
 * @param {ModelFacts} facts
 */
export function fewStepsFor(loras, { demo, bytes }) {
  return fewStepsIn(demo ? loras.filter((lora) => lora.bytes < bytes) : loras);
}

/**
 * @param {Pick<ModelFacts, "steps" | "guidance">} facts
 * @returns {Recipe}
 */
export function standard({ steps, guidance }) {
  return { steps, guidanceScale: guidance, sampling: { sampler: "euler", noiseSchedule: "default", timestepSpacing: null }, refiner: null };
}

/**
 * @param {Pick<ModelFacts, "steps" | "guidance" | "refiner" | "switchAt">} facts
 * @returns {Recipe}
 */
export function best(facts) {
  return { ...standard(facts), steps: Math.round(facts.steps * MORE_STEPS), refiner: facts.refiner ? { switchAt: facts.switchAt } : null };
}

/**
 * @param {Preset} preset
 * @returns {Recipe}
 */
export function fast({ steps, guidanceScale, sampler, noiseSchedule, timestepSpacing }) {
  return { steps, guidanceScale, sampling: { sampler, noiseSchedule, timestepSpacing }, refiner: null };
}

/**
 * With these LoRAs for few steps, or without any; the others are not a matter of quality.
 * @template {{ name: string, weight: number }} T
 * @param {T[]} used
 * @param {FewSteps[]} fewSteps  those that there are
 * @param {FewSteps | null} wanted
 */
export function lorasWith(used, fewSteps, wanted) {
  const others = used.filter(({ name }) => fewSteps.every((each) => each.name !== name));
  return wanted ? [...others, { name: wanted.name, weight: WHOLE }] : others;
}

/**
 * @param {Recipe} recipe   as it is set
 * @param {{ name: string, weight: number }[]} used
 * @param {ModelFacts} facts
 * @param {FewSteps[]} fewSteps  those that there are
 * @returns {Quality | null}
 */
export function qualityOf(recipe, used, facts, fewSteps) {
  const [first, ...more] = used.flatMap(({ name, weight }) => fewSteps.filter((each) => each.name === name).map(({ preset }) => ({ preset, weight })));
  if (first) return more.length === 0 && first.weight === WHOLE && isSame(recipe, fast(first.preset)) ? "fast" : null;
  if (isSame(recipe, standard(facts))) return "standard";
  return isSame(recipe, best(facts)) ? "best" : null;
}

/**
 * @param {Recipe} one
 * @param {Recipe} other
 */
export function isSame(one, other) {
  const [first, second] = [one, other].map(({ steps, guidanceScale, sampling: { sampler, noiseSchedule, timestepSpacing }, refiner }) =>
    JSON.stringify([steps, guidanceScale, sampler, noiseSchedule, timestepSpacing, refiner]),
  );
  return first === second;
}

/** How long the steps take, by the networks' runs: guidance needs two for each. @param {Recipe} recipe */
export function runsOf({ steps, guidanceScale }) {
  return steps * (guidanceScale > 1 ? 2 : 1);
}
