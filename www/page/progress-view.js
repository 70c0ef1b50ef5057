// @ts-check
/** What the engine is doing, how far it is, how long it will take, and the button that stops it. */

import { megabytes } from "../support.js";
import { part } from "./element.js";
import { ByteClock, StepClock, spellDuration } from "./step-clock.js";

/** @typedef {import("../protocol.js").ProgressEvent} ProgressEvent */

const STAGES = { text: "Reading the prompt", encode: "Reading the picture", base: "Drawing", refiner: "Refining", decode: "Developing the picture" };

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
      this.#say("Stopping");
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
    this.#say("Preparing");
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
        this.#say("Loading the model");
        this.#showBytes(event.bytes, event.total);
        break;
      case "verify":
        this.#say("Checking the model");
        this.#showBytes(event.bytes, event.total);
        break;
      case "engine":
        this.#say("Starting the engine");
        this.#detail.textContent = "";
        this.#bar.removeAttribute("value");
        break;
      case "compile":
        this.#detail.textContent = `program ${event.done} of ${event.all} for the GPU`;
        this.#advance(event.done, event.all);
        break;
      case "load":
        this.#detail.textContent = `${event.component.replaceAll("_", " ")} to the GPU, ${megabytes(event.bytes)} of ${megabytes(event.total)}`;
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
        this.#detail.textContent = `step ${event.step} of ${event.steps}`;
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

  /** @param {string} stage */
  #say(stage) {
    if (this.#label.textContent === stage && !this.#container.hidden) return;
    this.#label.textContent = stage;
    this.#spoken.textContent = stage;
    this.#quarter = 0;
    this.#bytes = null;
  }

  /**
   * @param {number} done
   * @param {number} total
   */
  #advance(done, total) {
    this.#bar.max = Math.max(total, 1);
    this.#bar.value = done;
    const quarter = Math.floor((SPOKEN_QUARTERS * done) / Math.max(total, 1));
    if (quarter > this.#quarter && quarter < SPOKEN_QUARTERS) this.#spoken.textContent = `${this.#label.textContent}, ${quarter * 25} percent`;
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
    this.#detail.textContent = `${megabytes(bytes)} of ${megabytes(total)}`;
    this.#advance(bytes, total);
  }

  #showTimeLeft() {
    const clock = this.#bytes ?? this.#clock;
    const seconds = clock?.secondsLeft(performance.now()) ?? null;
    this.#left.textContent = seconds === null || this.#stopping ? "" : `${spellDuration(seconds)} left`;
  }
}
