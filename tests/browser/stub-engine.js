// @ts-check
/**
 * Stands in for www/pkg/sdxl_web.js where a test needs a fault that the real engine does not commit on demand. It keeps the same
 * interface, reads every shard, and draws a red disc. The prompt says what is to go wrong.
 */

const STEP_MS = 60;
const LINGER_MS = 1500;

/** @type {(message: string) => void} */
let panicked = () => {};

export default async function init() {
  return { memory: new WebAssembly.Memory({ initial: 0 }), __wbindgen_externrefs: new WebAssembly.Table({ initial: 0, element: "anyfunc" }) };
}

/** @param {(message: string) => void} callback */
export function on_panic(callback) {
  panicked = callback;
}

export function on_reclaim() {}

export class Generator {
  tuning = {};
  /** @type {number | null} */
  #memory = null;

  /**
   * @param {import("../../www/protocol.js").Manifests} manifests
   * @param {(kind: string, file: string) => Promise<Uint8Array>} readShard
   */
  static async create(manifests, readShard) {
    for (const manifest of [manifests.base, manifests.refiner]) {
      if (!manifest) continue;
      for (const component of Object.values(manifest.components)) {
        for (const shard of component.shards) {
          const { byteLength } = await readShard(manifest.kind, shard.file);
          if (byteLength !== shard.length) throw named("BadShard", `shard ${shard.file} has ${byteLength} bytes`);
        }
      }
    }
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter?.features.has("timestamp-query")) throw new Error("cubecl would panic: the adapter lacks timestamp-query");
    const device = await adapter.requestDevice({ requiredFeatures: ["timestamp-query"] });
    if (!device.features.has("timestamp-query")) throw new Error("cubecl would panic: the device lacks timestamp-query");
    device.createBuffer({ size: 1 << 20, usage: GPUBufferUsage.STORAGE });
    return new Generator();
  }

  adapter() {
    return { name: "stub", backend: "none", features: [], maxBufferSize: 0 };
  }

  /**
   * @param {import("../../www/protocol.js").DrawRequest} request
   * @param {unknown} _inputs
   * @param {(event: import("../../www/protocol.js").ProgressEvent) => void} onEvent
   * @param {AbortSignal} signal
   */
  async generate({ prompt, negativePrompt, seed, steps, width, height, refiner }, _inputs, onEvent, signal) {
    if (prompt.includes("how much memory")) throw named("TooLarge", `planned for ${this.#memory}`);
    // As in "OutOfMemory above 96 px" or "NotFinite with seed 7".
    const [, code = "", most, unlucky] = /(\w+) (?:above (\d+) px|with seed (\d+))/.exec(prompt) ?? [];
    if (width > Number(most) || seed === Number(unlucky)) throw named(code, "on demand");
    // As in "bad request: height".
    const [, field] = /bad request: ([\w.]+)/.exec(prompt) ?? [];
    if (field) throw Object.assign(named("BadRequest", `the engine wants another ${field}`), { field });
    onEvent({ type: "stage", stage: "text" });
    await pause();
    const baseSteps = refiner && "switchAt" in refiner ? Math.round(steps * refiner.switchAt) : steps;
    for (const [stage, count] of /** @type {["base" | "refiner", number][]} */ ([["base", baseSteps], ["refiner", steps - baseSteps]])) {
      if (count === 0) continue;
      onEvent({ type: "stage", stage });
      onEvent({ type: "load", component: "unet", bytes: 1, total: 1 });
      for (let step = 1; step <= count; step++) {
        await pause();
        if (prompt.includes("deaf")) await new Promise(() => {});
        if (signal.aborted) throw named("AbortError", "cancelled");
        if (prompt.includes("panic")) {
          panicked("panicked at src/stub.rs:1:1: on demand");
          await new Promise(() => {});
        }
        if (prompt.includes("reject")) void Promise.reject(new Error("nobody caught this"));
        if (prompt.includes("gpu error")) await failOnGpu();
        onEvent({ type: "step", stage, step, steps: count });
        if (negativePrompt === `linger at ${step}`) await pause(LINGER_MS);
      }
    }
    const latents = { shape: /** @type {[number, number, number, number]} */ ([1, height, width, 1]), values: new Uint8Array(4 * height * width) };
    onEvent({ type: "latents", ...latents });
    if (prompt.includes("out of memory at the end")) throw named("OutOfMemory", "no room for the decoder");
    return this.decode(latents, onEvent);
  }

  /**
   * @param {import("../../www/protocol.js").Latents} latents
   * @param {(event: import("../../www/protocol.js").ProgressEvent) => void} onEvent
   */
  async decode({ shape: [, height, width] }, onEvent) {
    onEvent({ type: "stage", stage: "decode" });
    await pause();
    return [{ width, height, png: await discAsPng(width, height) }];
  }

  /** @param {number | null} bytes */
  setMemory(bytes) {
    this.#memory = bytes;
  }

  addLora() {}

  removeLora() {}

  free() {}
}

/** By its name, as the engine tells them too. @param {string} name */
export function loraFacts(name) {
  const sampling = { noiseSchedule: "default", guidanceScale: 1 };
  const preset = name.includes("lcm-lora")
    ? { name: "LCM-LoRA", steps: 4, sampler: "lcm", timestepSpacing: null, ...sampling }
    : name.includes("lightning")
      ? { name: "SDXL-Lightning", steps: 8, sampler: "euler", timestepSpacing: "trailing", ...sampling }
      : null;
  return { triggerWords: [], baseModel: null, preset };
}

/** An error outside any error scope, which nothing in an engine would notice: a buffer larger than any may be. */
async function failOnGpu() {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter?.requestDevice();
  device?.createBuffer({ size: device.limits.maxBufferSize * 2, usage: GPUBufferUsage.STORAGE });
  // The error comes with the queue's answer; a device that nobody holds any more tells none.
  await device?.queue.onSubmittedWorkDone();
  await pause(LINGER_MS);
}

/**
 * @param {number} width
 * @param {number} height
 */
async function discAsPng(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "rgb(219 32 32)";
  context.arc(width / 2, height / 2, Math.min(width, height) * 0.32, 0, 7);
  context.fill();
  return new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
}

/**
 * @param {string} name
 * @param {string} message
 */
function named(name, message) {
  return Object.assign(new Error(message), { name });
}

function pause(milliseconds = STEP_MS) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * As many measurements as repeats times ten.
 * @param {{ options: import("../../www/protocol.js").BenchOptions, configs: import("../../www/protocol.js").BenchConfigs }} request
 * @param {(event: import("../../www/protocol.js").ProgressEvent) => void} onEvent
 * @param {() => number} takePeak
 * @param {AbortSignal} signal
 */
export async function bench({ options, configs }, onEvent, takePeak, signal) {
  const count = 10 * options.repeats;
  for (let index = 0; index < count; index++) {
    onEvent({ type: "bench", what: "the stub", index, count });
    await pause();
    if (signal.aborted) throw named("AbortError", "cancelled");
  }
  const markdown = `## the stub of ${configs.name}\n\n| a table that is wider than a narrow screen | ${"-".repeat(200)} |\n`;
  return { report: { gpuBytes: takePeak() }, markdown };
}

/**
 * @param {{ size: number }} plan
 * @param {(event: import("../../www/protocol.js").ProgressEvent) => void} onEvent
 */
export async function forecast({ size }, onEvent) {
  onEvent({ type: "bench", what: "the stub", index: 0, count: 1 });
  await pause();
  const baseStep = (size / 1024) ** 2;
  return { baseStep, refinerStep: 2 * baseStep, decode: 5, memory: 3.5e9, tuning: {} };
}

/** @param {string} scheme */
export function sizes(scheme) {
  return [7e9, 4.5e9].map((read) => ({ read, stored: read / (scheme === "q8" ? 2 : 4) }));
}
