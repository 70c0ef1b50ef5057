// @ts-check
/** What the engine is doing, how far it is, how long it will take, and the button that stops it. */

import { megabytes } from "../support.js";
import { part } from "./element.js";
import { ByteClock, StepClock, spellDuration } from "./step-clock.js";
import { say } from "./text.js";

/** @typedef {import("../protocol.js").ProgressEvent} ProgressEvent */

const STAGES = /** @type {const} */ ({ text: "stageText", encode: "stageEncode", base: "stageBase", refiner: "stageRefiner", decode: "stageDecode" });

/** A screen reader is told of every stage, and of the way through it only so often. */
const SPOKEN_QUARTERS = 4;

const TICK_MS = 500;

export class ProgressView {
  #container;
  #bar;
  #label;
  #detail;
  #left;
  #cancel;
  #spoken;
  /** @type {StepClock | null} */
  #clock = null;
  /** @type {ByteClock | null} */
  #bytes = null;
  #quarter = 0;
  #stopping = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  /**
   * @param {HTMLElement} container
   * @param {() => void} onCancel
   */
  constructor(container, onCancel) {
    this.#container = container;
    this.#bar = part(container, "progress", HTMLProgressElement);
    this.#label = part(container, "[data-part=stage]", HTMLElement);
    this.#detail = part(container, "[data-part=detail]", HTMLElement);
    this.#left = part(container, "[data-part=left]", HTMLElement);
    this.#cancel = part(container, "button", HTMLButtonElement);
    this.#spoken = part(container, "[role=status]", HTMLElement);
    this.#cancel.addEventListener("click", () => {
      this.#setStopping(true);
      this.#say("stageStopping");
      this.#detail.textContent = this.#left.textContent = "";
      onCancel();
    });
  }

  /** @param {{ steps: number }} plan */
  start({ steps }) {
    this.#clock = new StepClock(steps, performance.now());
    this.#quarter = 0;
    this.#setStopping(false);
    this.#detail.textContent = this.#left.textContent = "";
    this.#bar.removeAttribute("value");
    this.#say("stagePreparing");
    this.#container.hidden = false;
    this.#ticking = setInterval(() => this.#showTimeLeft(), TICK_MS);
  }

  stop() {
    clearInterval(this.#ticking);
    this.#clock = null;
    this.#spoken.textContent = "";
    this.#container.hidden = true;
  }

  focus() {
    this.#cancel.focus();
  }

  get hasFocus() {
    return document.activeElement === this.#cancel;
  }

  /** @param {ProgressEvent} event */
  update(event) {
    if (!this.#clock || this.#stopping) return;
    switch (event.type) {
      case "download":
        this.#say("stageDownload");
        this.#showBytes(event.bytes, event.total);
        break;
      case "verify":
        this.#say("stageVerify");
        this.#showBytes(event.bytes, event.total);
        break;
      case "engine":
        this.#say("stageEngine");
        this.#detail.textContent = "";
        this.#bar.removeAttribute("value");
        break;
      case "compile":
        this.#detail.textContent = say("progressCompile", { done: event.done, all: event.all });
        this.#advance(event.done, event.all);
        break;
      case "load":
        this.#detail.textContent = say("progressLoad", { component: event.component.replaceAll("_", " "), ...spellBytes(event) });
        break;
      case "stage":
        this.#say(STAGES[event.stage]);
        this.#detail.textContent = "";
        if (event.stage === "decode") this.#bar.removeAttribute("value");
        else this.#advance(this.#clock.done, this.#clock.total);
        break;
      case "step":
        this.#clock.step(event.stage, performance.now());
        this.#say(STAGES[event.stage]);
        this.#detail.textContent = say("progressStep", { step: event.step, steps: event.steps });
        this.#advance(this.#clock.done, this.#clock.total);
        this.#showTimeLeft();
        break;
    }
  }

  /** A button that is truly disabled loses the focus, and with it a keyboard user's place. @param {boolean} stopping */
  #setStopping(stopping) {
    this.#stopping = stopping;
    this.#cancel.setAttribute("aria-disabled", String(stopping));
  }

  /** @param {import("./text.js").Key} key */
  #say(key) {
    const stage = say(key);
    if (this.#label.textContent === stage && !this.#container.hidden) return;
    this.#label.textContent = stage;
    this.#spoken.textContent = stage;
    this.#quarter = 0;
    this.#bytes = null;
    this.#showTimeLeft();
  }

  /**
   * @param {number} done
   * @param {number} total
   */
  #advance(done, total) {
    this.#bar.max = Math.max(total, 1);
    this.#bar.value = done;
    const quarter = Math.floor((SPOKEN_QUARTERS * done) / Math.max(total, 1));
    if (quarter > this.#quarter && quarter < SPOKEN_QUARTERS) this.#spoken.textContent = say("progressSpoken", { stage: this.#label.textContent ?? "", percent: quarter * 25 });
    this.#quarter = quarter;
  }

  /**
   * @param {number} bytes
   * @param {number} total
   */
  #showBytes(bytes, total) {
    const now = performance.now();
    this.#bytes ??= new ByteClock(bytes, now);
    this.#bytes.update(bytes, total, now);
    this.#detail.textContent = say("bytesOf", spellBytes({ bytes, total }));
    this.#advance(bytes, total);
  }

  #showTimeLeft() {
    const clock = this.#bytes ?? this.#clock;
    const seconds = clock?.secondsLeft(performance.now()) ?? null;
    this.#left.textContent = seconds === null || this.#stopping ? "" : say("timeLeft", { time: spellDuration(seconds) });
  }
}

/** @param {{ bytes: number, total: number }} count */
function spellBytes({ bytes, total }) {
  return { bytes: megabytes(bytes), total: megabytes(total) };
}
