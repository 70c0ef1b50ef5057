// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { best, fast, fewStepsFor, fewStepsIn, lorasWith, qualityOf, runsOf, standard } from "../../www/page/quality.js";

const FACTS = /** @type {import("../../www/protocol.js").ModelFacts} */ ({ steps: 30, guidance: 5, switchAt: 0.8, refiner: true });
/** @type {import("../../www/protocol.js").Preset} */
const LCM = { name: "LCM-LoRA", steps: 4, sampler: "lcm", noiseSchedule: "default", timestepSpacing: null, guidanceScale: 1 };
/** @type {import("../../www/protocol.js").Preset} */
const LIGHTNING = { name: "SDXL-Lightning", steps: 8, sampler: "euler", noiseSchedule: "default", timestepSpacing: "trailing", guidanceScale: 1 };

const facts = (/** @type {import("../../www/protocol.js").Preset | null} */ preset) => ({ triggerWords: [], baseModel: null, preset });
const STORED = [
  { name: "fox", bytes: 1, facts: facts(null) },
  { name: "half", bytes: 1, facts: null },
  { name: "lcm", bytes: 1, facts: facts(LCM) },
  { name: "lightning", bytes: 1, facts: facts(LIGHTNING) },
];
const FEW_STEPS = fewStepsIn(STORED);
const whole = (/** @type {string[]} */ ...names) => names.map((name) => ({ name, weight: 1 }));

test("each preset sets all that is a matter of quality", () => {
  const sampling = { sampler: "euler", noiseSchedule: "default", timestepSpacing: null };
  assert.deepEqual(standard(FACTS), { steps: 30, guidanceScale: 5, sampling, refiner: null });
  assert.deepEqual(best(FACTS), { steps: 40, guidanceScale: 5, sampling, refiner: { switchAt: 0.8 } });
  assert.deepEqual(best({ ...FACTS, refiner: false }), { steps: 40, guidanceScale: 5, sampling, refiner: null });
  assert.deepEqual(fast(LIGHTNING), { steps: 8, guidanceScale: 1, sampling: { ...sampling, timestepSpacing: "trailing" }, refiner: null });
});

test("only LoRAs with a preset are for few steps, and the others stay as they are", () => {
  assert.deepEqual(FEW_STEPS.map(({ name }) => name), ["lcm", "lightning"]);
  const used = [{ name: "fox", weight: 0.5 }, ...whole("lightning")];
  assert.deepEqual(lorasWith(used, FEW_STEPS, null), [{ name: "fox", weight: 0.5 }]);
  assert.deepEqual(lorasWith(used, FEW_STEPS, FEW_STEPS[0] ?? null), [{ name: "fox", weight: 0.5 }, { name: "lcm", weight: 1 }]);
});

test("the demo model is offered none that is larger than itself", () => {
  const [small, large] = [{ name: "lcm", bytes: 9, facts: facts(LCM) }, { name: "lightning", bytes: 10, facts: facts(LIGHTNING) }];
  for (const [demo, names] of /** @type {[boolean, string[]][]} */ ([[true, ["lcm"]], [false, ["lcm", "lightning"]]])) {
    assert.deepEqual(fewStepsFor([small, large], { ...FACTS, demo, bytes: 10 }).map(({ name }) => name), names);
  }
});

test("what a preset has set is that preset", () => {
  for (const refiner of [true, false]) {
    const model = { ...FACTS, refiner };
    assert.equal(qualityOf(standard(model), whole("fox"), model, FEW_STEPS), "standard");
    assert.equal(qualityOf(best(model), [], model, FEW_STEPS), "best");
    assert.equal(qualityOf(fast(LCM), whole("fox", "lcm"), model, FEW_STEPS), "fast");
    assert.equal(qualityOf(fast(LIGHTNING), whole("lightning"), model, FEW_STEPS), "fast");
  }
});

test("what differs in anything is none of them", () => {
  const recipe = standard(FACTS);
  for (const change of /** @type {Partial<import("../../www/page/quality.js").Recipe>[]} */ ([
    { steps: 29 },
    { steps: NaN },
    { guidanceScale: 5.5 },
    { refiner: { switchAt: 0.8 } },
    { sampling: { ...recipe.sampling, sampler: "dpmpp_2m" } },
    { sampling: { ...recipe.sampling, noiseSchedule: "karras" } },
    { sampling: { ...recipe.sampling, timestepSpacing: "trailing" } },
  ])) {
    assert.equal(qualityOf({ ...recipe, ...change }, [], FACTS, FEW_STEPS), null, JSON.stringify(change));
  }
  assert.equal(qualityOf({ ...best(FACTS), refiner: { strength: 0.8 } }, [], FACTS, FEW_STEPS), null);
  assert.equal(qualityOf(recipe, whole("lcm"), FACTS, FEW_STEPS), null);
  assert.equal(qualityOf(fast(LCM), [], FACTS, FEW_STEPS), null);
  assert.equal(qualityOf(fast(LCM), whole("lcm", "lightning"), FACTS, FEW_STEPS), null);
  assert.equal(qualityOf(fast(LCM), [{ name: "lcm", weight: 0.5 }], FACTS, FEW_STEPS), null);
  assert.equal(qualityOf(fast(LCM), whole("lightning"), FACTS, FEW_STEPS), null);
});

test("guidance takes two runs of the network for each step", () => {
  assert.equal(runsOf(standard(FACTS)), 60);
  assert.equal(runsOf(fast(LCM)), 4);
});
