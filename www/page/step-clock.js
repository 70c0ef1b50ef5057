// @ts-check
/** How long the steps that are left will take, from the steps that were measured. */

import { say } from "./text.js";

/** Older steps say less about the next one than these. */
const RECENT = 5;

/** A speed that was looked at for a shorter time is none. */
const SOON_MS = 2000;

export class StepClock {
  #total;
  #done = 0;
  #lastAt;
  #stage = "";
  /** The first step of a stage also loads weights and builds kernels, so it counts only until there is another. */
  #first = NaN;
  /** @type {number[]} */
  #steady = [];

  /**
   * @param {number} total  steps of all stages
   * @param {number} now    milliseconds
   */
  constructor(total, now) {
    this.#total = total;
    this.#lastAt = now;
  }

  /**
   * @param {string} stage
   * @param {number} now
   */
  step(stage, now) {
    const duration = now - this.#lastAt;
    if (stage === this.#stage) this.#steady = [...this.#steady, duration].slice(-RECENT);
    else if (Number.isNaN(this.#first)) this.#first = duration;
    this.#stage = stage;
    this.#lastAt = now;
    this.#done = Math.min(this.#done + 1, this.#total);
  }

  get done() {
    return this.#done;
  }

  get total() {
    return this.#total;
  }

  /**
   * @param {number} now
   * @returns {number | null} seconds, null before the first step and after the last: what then follows was not measured
   */
  secondsLeft(now) {
    if (this.#done === 0 || this.#done === this.#total) return null;
    const steady = this.#steady;
    const each = steady.length > 0 ? steady.reduce((sum, duration) => sum + duration, 0) / steady.length : this.#first;
    const sinceLast = Math.min(now - this.#lastAt, each);
    return ((this.#total - this.#done) * each - sinceLast) / 1000;
  }
}

/** How long something will take of which bytes are counted. */
export class ByteClock {
  #first;
  #beganAt;
  #bytes;
  #total = 0;
  #lastAt;

  /**
   * @param {number} bytes  that were there before it began
   * @param {number} now
   */
  constructor(bytes, now) {
    this.#first = this.#bytes = bytes;
    this.#beganAt = this.#lastAt = now;
  }

  /**
   * @param {number} bytes
   * @param {number} total
   * @param {number} now
   */
  update(bytes, total, now) {
    this.#bytes = bytes;
    this.#total = total;
    this.#lastAt = now;
  }

  /**
   * @param {number} now
   * @returns {number | null} seconds, null while nothing is known of the speed
   */
  secondsLeft(now) {
    const [bytes, time] = [this.#bytes - this.#first, this.#lastAt - this.#beganAt];
    if (bytes <= 0 || time < SOON_MS) return null;
    return Math.max(0, ((this.#total - this.#bytes) * time) / bytes - (now - this.#lastAt)) / 1000;
  }
}

/** @param {number} seconds */
export function spellDuration(seconds) {
  if (seconds < 1) return say("durationShort");
  if (seconds < 90) return say("durationSeconds", { seconds: Math.round(seconds) });
  if (seconds < 90 * 60) return say("durationMinutes", { minutes: Math.round(seconds / 60) });
  return say("durationHours", { hours: Math.round(seconds / 3600) });
}
