// @ts-check
/** The engine with the model that it draws with: one at a time, and one picture at a time. */

import { CodedError } from "../protocol.js";
import { adapterName } from "../support.js";
import { keepTuning, knownTuning, requestAdapter, startEngine } from "./engine.js";
import { exclusively } from "./exclusively.js";
import { readLora } from "./loras.js";
import { sparing } from "./sparing.js";

/**
 * @typedef {import("../protocol.js").Picture} Picture
 * @typedef {import("./model-source.js").ModelSource} ModelSource
 * @typedef {import("./engine-module.js").Generator} Generator
 * @typedef {{ source: ModelSource, generator: Generator, loras: Set<string> }} Loaded  with the LoRAs that it knows
 * @typedef {{ signal: AbortSignal, emit: (event: import("../protocol.js").ProgressEvent) => void }} Context
 */

/** Errors that the engine finds in a request, before it begins with it. */
const REFUSALS = new Set(["BadRequest", "TooLarge", "LimitTooSmall", "BadLora", "MissingLora"]);

export class Session {
  #module;
  #store;
  /** @type {Loaded | null} */
  #loaded = null;
  #working = false;

  /**
   * @param {import("./engine.js").WasmModule} module
   * @param {import("./shard-store.js").ShardStore} store
   */
  constructor(module, store) {
    this.#module = module;
    this.#store = store;
  }

  /**
   * Brings a model to this device and starts the engine with it.
   * @param {ModelSource} wanted
   * @param {Context} context
   */
  async load(wanted, { signal, emit }) {
    this.refuseWhileWorking();
    if (this.#loaded?.source === wanted) return wanted.load(sparing(emit), signal);
    this.free();
    const { missing } = await wanted.facts(signal);
    // The GPU's programs are compiled while the shards arrive; whichever fails first ends the other.
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    /** @type {unknown} */
    let failure = null;
    /** @template T @param {Promise<T>} work */
    const guarded = (work) =>
      work.catch((error) => {
        failure ??= error;
        stop.abort();
      });
    const loading = missing === 0 ? wanted.load(sparing(emit), both) : exclusively(wanted.address, () => wanted.load(sparing(emit), both));
    const starting = startEngine(this.#module.load(both), wanted, { store: this.#store, loading, emit, signal: both });
    const [, generator] = await Promise.all([guarded(loading), guarded(starting)]);
    if (failure || !generator) {
      generator?.free();
      throw failure;
    }
    this.#loaded = { source: wanted, generator, loras: new Set() };
    // What was measured beside a download is good enough to draw with, not to keep.
    if (missing === 0) await keepTuning(this.#store, generator.tuning);
  }

  /**
   * @param {import("../protocol.js").DrawRequest} request
   * @param {import("../protocol.js").Inputs | null} inputs
   * @param {number | null} memory
   * @param {Context} context
   */
  generate(request, inputs, memory, { signal, emit }) {
    return this.#picture(memory, signal, async ({ generator, loras }) => {
      for (const { name } of request.loras) {
        if (loras.has(name)) continue;
        generator.addLora(name, await readLora(this.#store, name));
        loras.add(name);
      }
      return generator.generate(request, inputs, emit, signal);
    });
  }

  /**
   * @param {import("../protocol.js").Latents} latents
   * @param {number | null} memory
   * @param {Context} context
   */
  decode(latents, memory, { signal, emit }) {
    return this.#picture(memory, signal, ({ generator }) => generator.decode(latents, emit, signal));
  }

  /**
   * @param {import("../protocol.js").BenchOptions} options
   * @param {import("../protocol.js").BenchConfigs | null} configs
   * @param {() => number} takePeak
   * @param {Context} context
   */
  bench(options, configs, takePeak, { signal, emit }) {
    this.refuseWhileWorking();
    this.free();
    return this.#exclusive(async () => {
      const { bench } = await this.#module.load(signal);
      const adapter = adapterName((await requestAdapter())?.info);
      return bench({ options: { ...options, adapter }, configs }, emit, takePeak, signal);
    });
  }

  /**
   * @param {import("../protocol.js").ForecastPlan} plan
   * @param {Context} context
   */
  forecast(plan, { signal, emit }) {
    return this.#exclusive(async () => {
      const { forecast } = await this.#module.load(signal);
      const { tuning, ...told } = await forecast({ ...plan, tuning: await knownTuning(this.#store) }, emit, signal);
      await keepTuning(this.#store, tuning);
      return told;
    });
  }

  /** @param {string} name */
  forgetLora(name) {
    this.refuseWhileWorking();
    if (this.#loaded?.loras.delete(name)) this.#loaded.generator.removeLora(name);
  }

  free() {
    this.#loaded?.generator.free();
    this.#loaded = null;
  }

  /** The engine cannot be freed, or used twice, while it works. */
  refuseWhileWorking() {
    if (this.#working) throw new CodedError("Busy", "A picture is being drawn already.");
  }

  /**
   * @param {number | null} memory  bytes of the GPU to plan for; the engine's own guess where there is none
   * @param {AbortSignal} signal
   * @param {(loaded: Loaded) => Promise<[Picture, ...Picture[]]>} work
   * @returns {Promise<Picture>}
   */
  async #picture(memory, signal, work) {
    const loaded = this.#loaded;
    if (!loaded) throw new CodedError("NotLoaded", "No model is loaded.");
    return this.#exclusive(async () => {
      try {
        loaded.generator.setMemory(memory);
        const [{ width, height, png }] = await work(loaded);
        return { width, height, png: ownBytes(png) };
      } catch (error) {
        // Of an engine that failed for a reason of its own nothing is known; the next load makes a new one.
        if (!signal.aborted && !REFUSALS.has(/** @type {Error} */ (error).name)) this.free();
        throw error;
      }
    });
  }

  /** @template T @param {() => Promise<T>} work */
  async #exclusive(work) {
    this.refuseWhileWorking();
    this.#working = true;
    try {
      return await work();
    } finally {
      this.#working = false;
    }
  }
}

/**
 * Only a buffer of its own can be moved to the page; a view into the wasm heap cannot.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
function ownBytes(bytes) {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
