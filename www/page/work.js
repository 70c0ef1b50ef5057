// @ts-check
/** What takes a while, one at a time: shows how far it is, can be stopped, and tells what went wrong. */

import { stayAwake } from "./awake.js";
import { part } from "./element.js";
import { MessageView } from "./message-view.js";
import { ProgressView } from "./progress-view.js";
import { isAbort } from "./trouble.js";

/**
 * @typedef {import("./worker-calls.js").Options} Options
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("./remedies.js").Remedy} Remedy
 * @typedef {object} Job
 * @property {number} [steps]        that the network is going to make
 * @property {boolean} [drawing]     another picture may be asked for beside it
 * @property {boolean} [takesFocus]  to the button that stops it
 * @property {(event: ProgressEvent) => void} [onEvent]
 * @property {(error: unknown) => boolean} [tell]  whether it has told the error where it belongs
 * @property {() => unknown} again
 * @property {(code: string) => Remedy[]} [remedies]  besides trying again
 */

export class Work {
  /** @type {AbortController | null} */
  #stop = null;
  #progress = new ProgressView(part(document, "#progress", HTMLElement), () => this.#stop?.abort());
  #message;
  #on;
  #diagnostics;
  /** Until what is under way has ended. @type {Promise<void> | null} */
  #running = null;

  /**
   * @param {object} on
   * @param {(state: { drawing: boolean, busy: boolean }) => void} on.change  busy is what no picture can be asked for beside
   * @param {() => void} on.leave  the focus has to go somewhere
   * @param {(code: string) => Remedy[]} on.remedies  whatever was under way
   * @param {import("./diagnostics.js").Diagnostics} diagnostics
   */
  constructor(on, diagnostics) {
    this.#on = on;
    this.#diagnostics = diagnostics;
    this.#message = new MessageView(part(document, "#message", HTMLElement), { report: () => diagnostics.show(), leave: on.leave });
  }

  /**
   * What another work has told stays, since it may be about something that is still to be done.
   * @param {() => Promise<unknown>} quick
   * @param {(code: string) => Remedy[]} [remedies]
   * @returns {Promise<boolean>} whether it went well
   */
  async attempt(quick, remedies) {
    try {
      await quick();
      return true;
    } catch (error) {
      const again = () => {
        this.#message.close();
        return this.attempt(quick, remedies);
      };
      this.tell(error, again, remedies);
      return false;
    }
  }

  /** Whether closing the page would end something. */
  get isRunning() {
    return this.#running !== null;
  }

  /**
   * @param {unknown} error
   * @param {() => unknown} again
   * @param {(code: string) => Remedy[]} [remedies]
   */
  tell(error, again, remedies = () => []) {
    this.#diagnostics.note(error);
    const code = error instanceof Error ? error.name : "Error";
    this.#message.show(error, again, [...remedies(code), ...this.#on.remedies(code)]);
  }

  /** To the button that stops what is done, or where the focus goes when nothing is. */
  focus() {
    this.#progress.focus();
    if (!this.#progress.hasFocus) this.#on.leave();
  }

  /**
   * After what is under way.
   * @param {(options: Options) => Promise<unknown>} work
   * @param {Job} job
   * @returns {Promise<boolean>} false where it went wrong; what was stopped on purpose did not
   */
  async run(work, { steps = 0, drawing = false, takesFocus = false, onEvent, tell, again, remedies }) {
    while (this.#running) await this.#running;
    let end = () => {};
    this.#running = new Promise((resolve) => (end = resolve));
    this.#stop = new AbortController();
    // What was pressed in the message goes with it.
    const focuses = takesFocus || this.#message.hasFocus;
    this.#message.clear();
    this.#on.change({ drawing, busy: !drawing });
    this.#progress.start({ steps });
    if (focuses) this.#progress.focus();
    const letSleep = stayAwake();
    let sound = true;
    try {
      await work({
        signal: this.#stop.signal,
        onEvent: (event) => {
          onEvent?.(event);
          this.#progress.update(event);
        },
      });
    } catch (error) {
      sound = isAbort(error);
      if (!sound && !tell?.(error)) this.tell(error, again, remedies);
    }
    letSleep();
    const hadFocus = this.#progress.hasFocus;
    this.#progress.stop();
    this.#running = null;
    end();
    this.#on.change({ drawing: false, busy: false });
    if (hadFocus) this.#on.leave();
    return sound;
  }
}
