// @ts-check
/** The wasm module, and starting its engine with a model while that is still being loaded. */

import { CodedError, aborted } from "../protocol.js";

/**
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("./model-source.js").ModelSource} ModelSource
 * @typedef {import("./engine-module.js").Engine} Engine
 * @typedef {Pick<import("./shard-store.js").ShardStore, "getTuning" | "putTuning">} Store
 */

export class WasmModule {
  #onPanic;
  #onReclaim;
  /** @type {Promise<Engine> | null} */
  #exports = null;
  /** @type {WebAssembly.Memory | null} */
  #memory = null;

  /**
   * @param {(message: string) => void} onPanic
   * @param {(values: Pick<WebAssembly.Table, "get" | "length">) => void} onReclaim  told which JavaScript values the module holds
   */
  constructor(onPanic, onReclaim) {
    this.#onPanic = onPanic;
    this.#onReclaim = onReclaim;
  }

  /**
   * Starts it once; a failed start is not kept, so that the next try is a new one.
   * @param {AbortSignal} [signal]  of whoever may stop waiting; the start itself goes on for the next
   * @returns {Promise<Engine>}
   */
  load(signal) {
    this.#exports ??= this.#start().catch((cause) => {
      this.#exports = null;
      throw new CodedError("EngineMissing", `The engine did not start: ${cause.message}`, {}, { cause });
    });
    return signal ? Promise.race([this.#exports, abortOf(signal)]) : this.#exports;
  }

  /** Bytes; none while the module is on its way, for which nobody who asks is to wait. */
  get heap() {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** @returns {Promise<Engine>} */
  async #start() {
    /** @type {import("./engine-module.js").EngineModule} */
    const exports = await import(/** @type {string} */ ("../pkg/sdxl_web.js"));
    const { memory, __wbindgen_externrefs: values } = await exports.default();
    if (!values) throw new Error("it has no table of JavaScript values, by which GPU memory is given back.");
    this.#memory = memory;
    exports.on_panic(this.#onPanic);
    exports.on_reclaim(() => this.#onReclaim(values));
    const { Generator, Packing, PromptReader, loraFacts, bench, forecast, sizes } = exports;
    return { Generator, Packing, PromptReader, loraFacts, bench, forecast, sizes };
  }
}

/**
 * @param {Promise<Engine>} module
 * @param {ModelSource} source
 * @param {object} parts
 * @param {Store} parts.store
 * @param {Promise<void>} parts.loading  until the source's shards are here
 * @param {(event: ProgressEvent) => void} parts.emit
 * @param {AbortSignal} parts.signal
 */
export async function startEngine(module, source, { store, loading, emit, signal }) {
  let arrived = false;
  const whenLoaded = loading.then(() => {
    arrived = true;
    emit({ type: "engine" });
  });
  // Whoever called says that it failed.
  whenLoaded.catch(() => {});
  const { Generator } = await module;
  const tuning = await knownTuning(store);
  return Generator.create(
    await source.manifests(signal),
    async (kind, file) => {
      await whenLoaded;
      return source.readShard(kind, file);
    },
    { tuning, precision: null },
    // One bar can show one thing: while shards arrive, that.
    (event) => arrived && emit(event),
    signal,
  );
}

/** What was found out about the GPU before. @param {Pick<Store, "getTuning">} store */
export async function knownTuning(store) {
  return (await store.getTuning(adapterKey(await requestAdapter())).catch(() => undefined)) ?? null;
}

/**
 * Without it, the next start takes some seconds longer.
 * @param {Store} store
 * @param {object} tuning
 */
export async function keepTuning(store, tuning) {
  await store.putTuning(adapterKey(await requestAdapter()), tuning).catch(() => {});
}

/** The one that the engine gets. */
export async function requestAdapter() {
  return (await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" })) ?? null;
}

/** What sets a GPU apart from others that a browser may have. @param {GPUAdapter | null} adapter */
function adapterKey(adapter) {
  const { vendor = "", architecture = "", device = "", description = "" } = adapter?.info ?? {};
  return [vendor, architecture, device, description, ...[...(adapter?.features ?? [])].sort()].join(" ");
}

/** @param {AbortSignal} signal @returns {Promise<never>} */
function abortOf(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(aborted());
    signal.addEventListener("abort", () => reject(aborted()), { once: true });
  });
}
