// @ts-check
/** How many steps a request makes in all, as src/pipeline/plan.rs plans them. */

/** The engine's own, where a request names none. */
const STRENGTH = 0.5;

/**
 * @param {Pick<import("../protocol.js").DrawRequest, "steps" | "strength" | "refiner" | "skipBase">} request
 * @param {boolean} hasPicture  that it starts from
 */
export function stepsOf({ steps, strength = STRENGTH, refiner, skipBase }, hasPicture) {
  const ofBase = hasPicture ? stepsAt(strength, steps) : steps;
  // Where the refiner goes on for the base, the two share these.
  const ofRefiner = refiner && "strength" in refiner ? stepsAt(refiner.strength, refiner.steps ?? steps) : 0;
  return (skipBase ? 0 : ofBase) + ofRefiner;
}

/**
 * @param {number} strength  from 0 to 1
 * @param {number} steps     of the whole schedule
 */
function stepsAt(strength, steps) {
  return Math.floor(steps * strength);
}
