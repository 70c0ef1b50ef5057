// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { StepClock, spellDuration } from "../../www/page/step-clock.js";

test("nothing is foretold before the first step", () => {
  assert.equal(new StepClock(10, 0).secondsLeft(5000), null);
});

test("the first step counts until there is a better one", () => {
  const clock = new StepClock(11, 0);
  clock.step("base", 9000);
  assert.equal(clock.secondsLeft(9000), 90);
  clock.step("base", 10_000);
  assert.equal(clock.secondsLeft(10_000), 9);
});

test("time since the last step counts, but never for more than a step", () => {
  const clock = new StepClock(4, 0);
  clock.step("base", 1000);
  clock.step("base", 2000);
  assert.equal(clock.secondsLeft(2500), 1.5);
  assert.equal(clock.secondsLeft(60_000), 1);
});

test("loading the refiner between two stages is no step's time", () => {
  const clock = new StepClock(10, 0);
  for (let step = 1; step <= 5; step++) clock.step("base", step * 1000);
  clock.step("refiner", 30_000);
  assert.equal(clock.secondsLeft(30_000), 4);
});

test("only recent steps are believed", () => {
  const clock = new StepClock(100, 0);
  for (let step = 1; step <= 10; step++) clock.step("base", step * 10_000);
  for (let step = 1; step <= 5; step++) clock.step("base", 100_000 + step * 1000);
  assert.equal(clock.secondsLeft(105_000), 85);
});

test("nothing is foretold of what follows the last step, planned or not", () => {
  const clock = new StepClock(2, 0);
  for (let step = 1; step <= 4; step++) {
    clock.step("base", step * 1000);
    assert.equal(clock.secondsLeft(step * 1000), step === 1 ? 1 : null);
  }
  assert.equal(clock.done, 2);
});

test("durations are told in words", () => {
  assert.equal(spellDuration(0.4), "less than a second");
  assert.equal(spellDuration(12.4), "12 s");
  assert.equal(spellDuration(89), "89 s");
  assert.equal(spellDuration(150), "3 min");
  assert.equal(spellDuration(7831 * 60), "131 h");
});
