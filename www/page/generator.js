// @ts-check
/** The worker's typed face: a method for each of its actions. */

import { say } from "./text.js";
import { WorkerCalls } from "./worker-calls.js";

/**
 * @typedef {import("../protocol.js").ModelFacts} ModelFacts
 * @typedef {import("../protocol.js").Picture} Picture
 * @typedef {import("./worker-calls.js").Options} Options
 */

export class Generator {
  #calls;

  /** @param {ConstructorParameters<typeof WorkerCalls>[0]} [parts] */
  constructor(parts) {
    this.#calls = new WorkerCalls(parts);
  }

  /** What this browser offers, in the reader's language. @returns {Promise<import("../protocol.js").Check[]>} */
  async check() {
    /** @type {import("../protocol.js").Finding[]} */
    const findings = await this.#calls.call("check", {});
    return findings.map(({ code, ok, says, values }) => ({ code, ok, sentence: say(says, values) }));
  }

  /**
   * What the form must know of a model; loads no weights.
   * @param {string} address
   * @param {Options} [options]
   * @returns {Promise<ModelFacts>}
   */
  open(address, options) {
    return this.#calls.call("open", { address }, options);
  }

  /**
   * Brings a model to this device and starts the engine with it; quick when both were done before.
   * @param {string} address
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  load(address, options) {
    return this.#calls.call("load", { address }, options);
  }

  /**
   * @param {import("../protocol.js").DrawRequest} request
   * @param {import("../protocol.js").Inputs | null} inputs
   * @param {number | null} memory  bytes of the GPU to plan for; the engine's own guess where there is none
   * @param {Options} [options]
   * @returns {Promise<Picture>}
   */
  generate(request, inputs, memory, options) {
    this.#calls.startSteps();
    return this.#calls.call("generate", { request, inputs, memory }, options);
  }

  /**
   * The last part of a run by itself.
   * @param {import("../protocol.js").Latents} latents
   * @param {number | null} memory
   * @param {Options} [options]
   * @returns {Promise<Picture>}
   */
  decode(latents, memory, options) {
    this.#calls.startSteps();
    return this.#calls.call("decode", { latents, memory }, options);
  }

  /**
   * How the encoders read a prompt; null where the model is not on this device yet.
   * @param {string} address
   * @param {string} prompt
   * @param {"plain" | "weighted"} syntax
   * @returns {Promise<import("../protocol.js").Reading | null>}
   */
  readPrompt(address, prompt, syntax) {
    return this.#calls.call("readPrompt", { address, prompt, syntax });
  }

  /**
   * Measures the GPU; needs no model.
   * @param {import("../protocol.js").BenchOptions} bench
   * @param {import("../protocol.js").BenchConfigs | null} configs  SDXL 1.0's where there are none
   * @param {Options} [options]
   * @returns {Promise<import("../protocol.js").BenchResult>}
   */
  bench(bench, configs, options) {
    this.#calls.startSteps();
    return this.#calls.call("bench", { options: bench, configs }, options);
  }

  /**
   * What SDXL would take on this GPU, measured in seconds; needs no model.
   * @param {import("../protocol.js").ForecastPlan} plan
   * @param {Options} [options]
   * @returns {Promise<import("../protocol.js").Forecast>}
   */
  forecast(plan, options) {
    this.#calls.startSteps();
    return this.#calls.call("forecast", plan, options);
  }

  /**
   * What is read and kept of SDXL.
   * @param {"q8" | "q4"} scheme
   * @returns {Promise<Record<import("../protocol.js").Kind, import("../protocol.js").Bytes>>}
   */
  sizes(scheme) {
    return this.#calls.call("sizes", { scheme });
  }

  /**
   * Removes a model from this device.
   * @param {string} address
   * @returns {Promise<void>}
   */
  forget(address) {
    return this.#calls.call("forget", { address });
  }

  /**
   * Makes half a model of a published checkpoint and stores it; goes on where an earlier try with the same files ended.
   * @param {import("../protocol.js").ImportRequest} request
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  importModel(request, options) {
    return this.#calls.call("import", { request }, options);
  }

  /**
   * The folder of a packed model, if an address leads to one.
   * @param {string} address
   * @param {Options} [options]
   * @returns {Promise<string | null>}
   */
  packedAt(address, options) {
    return this.#calls.call("packedAt", { address }, options);
  }

  /**
   * Stores a packed model from files: a folder's, or one archive.
   * @param {string} model  the address that it gets
   * @param {{ path: string, file: File }[]} files
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  importPacked(model, files, options) {
    return this.#calls.call("importPacked", { model, files }, options);
  }

  /** What is stored on this device. @returns {Promise<import("../protocol.js").StoredModel[]>} */
  models() {
    return this.#calls.call("models", {});
  }

  /**
   * Compares the hash of every shard, and removes those that are damaged.
   * @param {string} model
   * @param {Options} [options]
   * @returns {Promise<{ checked: number, bad: number }>}
   */
  verify(model, options) {
    return this.#calls.call("verify", { model }, options);
  }

  /**
   * @param {string} model
   * @param {string} name
   * @returns {Promise<void>}
   */
  rename(model, name) {
    return this.#calls.call("rename", { model, name });
  }

  /**
   * A stored model as one file.
   * @param {string} model
   * @param {Options} [options]
   * @returns {Promise<Blob>}
   */
  exportModel(model, options) {
    return this.#calls.call("export", { model }, options);
  }

  /**
   * Stores a LoRA; goes on where an earlier try with the same file ended.
   * @param {import("../protocol.js").LoraRequest} request
   * @param {Options} [options]
   * @returns {Promise<void>}
   */
  importLora(request, options) {
    return this.#calls.call("importLora", { request }, options);
  }

  /** What is stored on this device. @returns {Promise<import("../protocol.js").StoredLora[]>} */
  loras() {
    return this.#calls.call("loras", {});
  }

  /**
   * @param {string} name
   * @returns {Promise<void>}
   */
  forgetLora(name) {
    return this.#calls.call("forgetLora", { name });
  }

  /** What is known about GPU, engine and store, for a report. @returns {Promise<Record<string, unknown>>} */
  diagnose() {
    return this.#calls.call("diagnose", {});
  }

  /** @returns {Promise<{ live: number, peak: number, heap: number }>} bytes in GPU buffers, and of the engine's own memory */
  memory() {
    return this.#calls.call("memory", {});
  }
}
