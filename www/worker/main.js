// @ts-check
/** The worker: a table of actions. It alone owns the GPU, the wasm engine and the store. */

import { CodedError, aborted, messageOf, toWire } from "../protocol.js";
import { checkSupport } from "../support.js";
import { diagnose } from "./diagnose.js";
import { WasmModule } from "./engine.js";
import { exclusively } from "./exclusively.js";
import { exportModel, listModels, renameModel, verifyModel } from "./library.js";
import { importLora, keyOf, listLoras } from "./loras.js";
import { ModelSource } from "./model-source.js";
import { importModel, packedAt, packedFiles } from "./packing.js";
import { PromptReaders } from "./prompt-readers.js";
import { Session } from "./session.js";
import { ShardStore } from "./shard-store.js";
import { freeBytes } from "./space.js";
import { sparing } from "./sparing.js";
import { installWebGpuShim } from "./webgpu-shim.js";

/**
 * @typedef {import("../protocol.js").ToWorker} ToWorker
 * @typedef {import("../protocol.js").ToPage} ToPage
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("../protocol.js").Picture} Picture
 * @typedef {{ signal: AbortSignal, emit: (event: ProgressEvent) => void }} Context
 */

const port = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** CLIP's vocabulary, which both of SDXL's tokenizers have, comes with the demo model. */
const DEMO = new URL("../models/demo/", import.meta.url).href;

const store = new ShardStore();
/** @type {ModelSource | null} */
let source = null;

const ledger = "gpu" in navigator ? installWebGpuShim(globalThis, die) : null;
const module = new WasmModule((message) => die(panicked(message)), (values) => ledger?.destroyAllBut(values));

const session = new Session(module, store);
const readers = new PromptReaders(() => module.load());

const actions = {
  async check() {
    return checkSupport(self);
  },

  /** @param {{ address: string }} data @param {Context} context */
  async open({ address }, { signal }) {
    return sourceAt(address).facts(signal);
  },

  /** @param {{ address: string }} data @param {Context} context */
  async load({ address }, context) {
    return session.load(sourceAt(address), context);
  },

  /** @param {{ request: import("../protocol.js").DrawRequest, inputs: import("../protocol.js").Inputs | null, memory: number | null }} data @param {Context} context */
  async generate({ request, inputs, memory }, context) {
    return session.generate(request, inputs, memory, context);
  },

  /** @param {{ latents: import("../protocol.js").Latents, memory: number | null }} data @param {Context} context */
  async decode({ latents, memory }, context) {
    return session.decode(latents, memory, context);
  },

  /** @param {{ options: import("../protocol.js").BenchOptions, configs: import("../protocol.js").BenchConfigs | null }} data @param {Context} context */
  async bench({ options, configs }, context) {
    return session.bench(options, configs, takePeak, context);
  },

  /** @param {import("../protocol.js").ForecastPlan} plan @param {Context} context */
  async forecast(plan, context) {
    return session.forecast(plan, context);
  },

  /** @param {{ scheme: string }} data */
  async sizes({ scheme }) {
    const [base, refiner] = (await module.load()).sizes(scheme);
    return { base, refiner };
  },

  /** @param {{ address: string }} data */
  async forget({ address }) {
    session.refuseWhileWorking();
    session.free();
    await exclusively(address, () => sourceAt(address).forget());
  },

  /** @param {{ request: import("../protocol.js").ImportRequest }} data @param {Context} context */
  async import({ request }, { signal, emit }) {
    const { Packing } = await module.load(signal);
    const demo = new ModelSource(DEMO, { store, fetch: directFetch });
    const parts = { Packing, store, fetch: directFetch, demo, freeBytes, onEvent: sparing(emit), signal };
    await exclusively(request.model, () => importModel(request, parts));
    source = null;
  },

  /** @param {{ address: string }} data @param {Context} context */
  async packedAt({ address }, { signal }) {
    return packedAt(address, { store, fetch: directFetch, signal });
  },

  /** @param {{ model: string, files: { path: string, file: File }[] }} data @param {Context} context */
  async importPacked({ model, files }, { signal, emit }) {
    const packed = new ModelSource(model, { store, fetch: await packedFiles(model, files), freeBytes, served: true });
    await exclusively(model, () => packed.load(sparing(emit), signal));
    source = null;
  },

  /** @param {{ request: import("../protocol.js").LoraRequest }} data @param {Context} context */
  async importLora({ request }, { signal, emit }) {
    const { loraFacts: readFacts } = await module.load(signal);
    const parts = { readFacts, store, fetch: directFetch, freeBytes, onEvent: sparing(emit), signal };
    await exclusively(keyOf(request.name), () => importLora(request, parts));
  },

  /** @param {{ address: string, prompt: string, syntax: "plain" | "weighted" }} data */
  async readPrompt({ address, prompt, syntax }) {
    return readers.read(sourceAt(address), prompt, syntax);
  },

  async loras() {
    return listLoras(store);
  },

  /** @param {{ name: string }} data */
  async forgetLora({ name }) {
    session.forgetLora(name);
    await exclusively(keyOf(name), () => store.removeModel(keyOf(name)));
  },

  async models() {
    return listModels(store);
  },

  /** @param {{ model: string }} data @param {Context} context */
  async verify({ model }, { signal, emit }) {
    const found = await verifyModel(store, model, sparing(emit), signal);
    source = null;
    return found;
  },

  /** @param {{ model: string, name: string }} data */
  async rename({ model, name }) {
    await renameModel(store, model, name);
    source = null;
  },

  /** @param {{ model: string }} data @param {Context} context */
  async export({ model }, { signal, emit }) {
    return exportModel(store, model, sparing(emit), signal);
  },

  async diagnose() {
    return diagnose(store);
  },

  /** Bytes of GPU buffers and of the engine's heap. */
  async memory() {
    return { live: ledger?.live ?? 0, peak: ledger?.peak ?? 0, heap: module.heap };
  },
};

/** Actions that answer with a picture, whose bytes are moved. */
const MOVED = new Set(["generate", "decode"]);

/** @type {Map<number, AbortController>} */
const running = new Map();

port.onmessage = async (/** @type {MessageEvent<ToWorker>} */ { data: message }) => {
  if ("abort" in message) return running.get(message.abort)?.abort();
  const { id, action, data } = message;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const act = /** @type {Record<string, (data: never, context: Context) => Promise<unknown>>} */ (actions)[action];
    if (!act) throw new Error(`The worker knows no action "${action}".`);
    const result = await act(/** @type {never} */ (data), { signal: controller.signal, emit: (event) => say({ id, event }) });
    say({ id, result }, MOVED.has(action) ? [/** @type {Picture} */ (result).png.buffer] : []);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) die(panicked(error));
    else say({ id, error: toWire(controller.signal.aborted ? aborted() : error) });
  } finally {
    running.delete(id);
  }
};

port.addEventListener("error", (event) => die(panicked(event.error ?? event.message)));
port.addEventListener("unhandledrejection", (event) => die(panicked(event.reason)));

/** @type {import("./http.js").Fetch} */
const directFetch = (url, init) => fetch(url, init);

/** @param {string} address */
function sourceAt(address) {
  const wanted = new ModelSource(address, { store, fetch: directFetch, freeBytes });
  if (source?.address !== wanted.address) source = wanted;
  return source;
}

/** The most bytes in GPU buffers since the last call. */
function takePeak() {
  if (!ledger) return 0;
  const { peak } = ledger;
  ledger.peak = ledger.live;
  return peak;
}

/**
 * After a panic no promise of the engine settles any more, and after the loss of the GPU none of its buffers is worth anything:
 * the page ends this worker and starts another.
 * @param {CodedError} error
 */
function die(error) {
  say({ fatal: toWire(error) });
}

/** @param {unknown} reason */
function panicked(reason) {
  return new CodedError("Panic", messageOf(reason));
}

/**
 * @param {ToPage} message
 * @param {Transferable[]} [transfer]
 */
function say(message, transfer = []) {
  port.postMessage(message, transfer);
}
