// @ts-check
/** The worker's typed face: request ids, progress, AbortSignal. */

import { CodedError, aborted, fromWire } from "../protocol.js";
import { say } from "./text.js";

/**
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("../protocol.js").ToPage} ToPage
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {import("../protocol.js").Picture} Picture
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

export class Generator {
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

  /** What this browser offers, in the reader's language. @returns {Promise<import("../protocol.js").Check[]>} */
  async check() {
    /** @type {import("../protocol.js").Finding[]} */
    const findings = await this.#call("check", {});
    return findings.map(({ code, ok, says, values }) => ({ code, ok, sentence: say(says, values) }));
  }

  /**
   * What the form must know of a model; loads no weights.
   * @param {string} address
   * @param {Options} [options]
   * @returns {Promise<ModelFacts>}
   */
  open(address, options) {
    return this.#call("open", { address }, options);
  }

  /**
   * Brings a model to this device and starts the engine with it; quick when both were done before.
   * @param {string} address
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  load(address, options) {
    return this.#call("load", { address }, options);
  }

  /**
   * @param {import("../protocol.js").DrawRequest} request
   * @param {import("../protocol.js").Inputs | null} inputs
   * @param {Options} [options]
   * @returns {Promise<Picture>}
   */
  generate(request, inputs, options) {
    this.#startSteps();
    return this.#call("generate", { request, inputs }, options);
  }

  /**
   * How the encoders read a prompt; null where the model is not on this device yet.
   * @param {string} address
   * @param {string} prompt
   * @param {"plain" | "weighted"} syntax
   * @returns {Promise<import("../protocol.js").Reading | null>}
   */
  readPrompt(address, prompt, syntax) {
    return this.#call("readPrompt", { address, prompt, syntax });
  }

  /**
   * Measures the GPU; needs no model.
   * @param {import("../protocol.js").BenchOptions} bench
   * @param {import("../protocol.js").BenchConfigs | null} configs  SDXL 1.0's where there are none
   * @param {Options} [options]
   * @returns {Promise<import("../protocol.js").BenchResult>}
   */
  bench(bench, configs, options) {
    this.#startSteps();
    return this.#call("bench", { options: bench, configs }, options);
  }

  /**
   * Removes a model from this device.
   * @param {string} address
   * @returns {Promise<void>}
   */
  forget(address) {
    return this.#call("forget", { address });
  }

  /**
   * Makes half a model of a published checkpoint and stores it; goes on where an earlier try with the same files ended.
   * @param {import("../protocol.js").ImportRequest} request
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  importModel(request, options) {
    return this.#call("import", { request }, options);
  }

  /**
   * The folder of a packed model, if an address leads to one.
   * @param {string} address
   * @param {Options} [options]
   * @returns {Promise<string | null>}
   */
  packedAt(address, options) {
    return this.#call("packedAt", { address }, options);
  }

  /**
   * Stores a packed model from files: a folder's, or one archive.
   * @param {string} model  the address that it gets
   * @param {{ path: string, file: File }[]} files
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  importPacked(model, files, options) {
    return this.#call("importPacked", { model, files }, options);
  }

  /** What is stored on this device. @returns {Promise<import("../protocol.js").StoredModel[]>} */
  models() {
    return this.#call("models", {});
  }

  /**
   * Compares the hash of every shard, and removes those that are damaged.
   * @param {string} model
   * @param {Options} [options]
   * @returns {Promise<{ checked: number, bad: number }>}
   */
  verify(model, options) {
    return this.#call("verify", { model }, options);
  }

  /**
   * @param {string} model
   * @param {string} name
   * @returns {Promise<void>}
   */
  rename(model, name) {
    return this.#call("rename", { model, name });
  }

  /**
   * A stored model as one file.
   * @param {string} model
   * @param {Options} [options]
   * @returns {Promise<Blob>}
   */
  exportModel(model, options) {
    return this.#call("export", { model }, options);
  }

  /**
   * Stores a LoRA; goes on where an earlier try with the same file ended.
   * @param {import("../protocol.js").LoraRequest} request
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  importLora(request, options) {
    return this.#call("importLora", { request }, options);
  }

  /** What is stored on this device. @returns {Promise<import("../protocol.js").StoredLora[]>} */
  loras() {
    return this.#call("loras", {});
  }

  /**
   * @param {string} name
   * @returns {Promise<void>}
   */
  forgetLora(name) {
    return this.#call("forgetLora", { name });
  }

  /** @returns {Promise<{ live: number, peak: number, heap: number }>} bytes in GPU buffers, and of the engine's own memory */
  memory() {
    return this.#call("memory", {});
  }

  /**
   * @template T  what the worker answers to this action
   * @param {string} action
   * @param {object} data
   * @param {Options} [options]
   * @returns {Promise<T>}
   */
  async #call(action, data, { onEvent, signal } = {}) {
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

  #startSteps() {
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
