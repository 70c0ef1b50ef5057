// @ts-check
/** Calls to the worker: request ids, progress, AbortSignal, and what becomes of them when the worker ends. */

import { CodedError, aborted, fromWire } from "../protocol.js";

/**
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("../protocol.js").ToPage} ToPage
 * @typedef {{ onEvent?: (event: ProgressEvent) => void, signal?: AbortSignal }} Options
 * @typedef {object} Pending
 * @property {(value: unknown) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {((event: ProgressEvent) => void) | undefined} onEvent
 * @typedef {Pick<Worker, "postMessage" | "terminate" | "addEventListener">} Port
 */

/** A worker stops between parts of a step. Ending it costs its loaded weights, so it gets this long, or three of its steps. */
const PATIENCE_MS = 10_000;
const PATIENCE_STEPS = 3;

export class WorkerCalls {
  #spawn;
  #patience;
  /** @type {Port | null} */
  #port = null;
  #nextId = 1;
  /** @type {Map<number, Pending>} */
  #pending = new Map();
  #lastStepAt = 0;
  #slowestStep = 0;

  /**
   * @param {object} [parts]
   * @param {() => Port} [parts.spawn]
   * @param {number} [parts.patience]  milliseconds that the worker has to answer an abort
   */
  constructor({ spawn = spawnWorker, patience = PATIENCE_MS } = {}) {
    this.#spawn = spawn;
    this.#patience = patience;
  }

  /**
   * @template T  what the worker answers to this action
   * @param {string} action
   * @param {object} data
   * @param {Options} [options]
   * @returns {Promise<T>}
   */
  async call(action, data, { onEvent, signal } = {}) {
    if (signal?.aborted) throw aborted();
    const port = this.#livePort();
    const id = this.#nextId++;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let deadline;
    const abort = () => {
      port.postMessage({ abort: id });
      deadline = setTimeout(() => {
        this.#pending.get(id)?.reject(aborted());
        this.#pending.delete(id);
        this.#end(new CodedError("WorkerEnded", "The engine did not stop in time and was ended."));
      }, Math.max(this.#patience, PATIENCE_STEPS * this.#slowestStep));
    };
    try {
      const answer = new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onEvent });
        signal?.addEventListener("abort", abort, { once: true });
        port.postMessage({ id, action, data });
      });
      return /** @type {T} */ (await answer);
    } finally {
      clearTimeout(deadline);
      signal?.removeEventListener("abort", abort);
    }
  }

  #livePort() {
    if (!this.#port) {
      const port = this.#spawn();
      port.addEventListener("message", (event) => {
        if (port === this.#port) this.#receive(/** @type {MessageEvent<ToPage>} */ (event).data);
      });
      port.addEventListener("error", (event) => {
        const message = /** @type {ErrorEvent} */ (event).message || "Its program did not load.";
        if (port === this.#port) this.#end(new CodedError("WorkerFailed", message));
      });
      this.#port = port;
    }
    return this.#port;
  }

  /** @param {ToPage} message */
  #receive(message) {
    if ("fatal" in message) return this.#end(fromWire(message.fatal));
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if ("event" in message) {
      if (message.event.type === "step" || message.event.type === "bench") this.#noteStep();
      return pending.onEvent?.(message.event);
    }
    this.#pending.delete(message.id);
    if ("error" in message) pending.reject(fromWire(message.error));
    else pending.resolve(message.result);
  }

  /** The slowest step of what begins now is not known yet. */
  startSteps() {
    this.#slowestStep = 0;
    this.#lastStepAt = performance.now();
  }

  #noteStep() {
    const now = performance.now();
    this.#slowestStep = Math.max(this.#slowestStep, now - this.#lastStepAt);
    this.#lastStepAt = now;
  }

  /**
   * Ends the worker and every request with it; the next request starts a new one.
   * @param {CodedError} error
   */
  #end(error) {
    this.#port?.terminate();
    this.#port = null;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

function spawnWorker() {
  return new Worker(new URL("../worker/main.js", import.meta.url), { type: "module" });
}
