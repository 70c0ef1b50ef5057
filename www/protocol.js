// @ts-check
/**
 * What the page and the worker say to each other: the types of every message, and errors that keep their code on the way.
 *
 * Page to worker:  { id, action, data } starts an action; { abort: id } asks it to stop.
 * Worker to page:  { id, event }* and then once { id, result } or { id, error }; { fatal } when the worker cannot go on.
 */

/** @typedef {"base" | "refiner"} Kind */

/** What is stored under one address: halves of a model, or a LoRA. @typedef {Kind | "lora"} StoredKind */

/**
 * @typedef {object} Shard
 * @property {string} file
 * @property {number} length         bytes when unpacked
 * @property {string} sha256         of the unpacked bytes, in hex
 * @property {"gzip" | null} compression
 * @property {number} stored_length  bytes as served
 */

/** @typedef {{ name: string, offset: number, length: number }} FileEntry */

/** @typedef {FileEntry & { shape: number[], encoding: string }} TensorEntry */

/** @typedef {{ config: Record<string, unknown>, tensors: TensorEntry[], files: FileEntry[], shards: Shard[] }} Component */

/**
 * @typedef {object} Manifest
 * @property {1} format
 * @property {string} name
 * @property {StoredKind} kind
 * @property {Record<string, unknown>} pipeline
 * @property {Record<string, Component>} components
 */

/** @typedef {{ base: Manifest, refiner: Manifest | null }} Manifests */

/**
 * A model that is stored on this device, whole or not.
 * @typedef {object} StoredModel
 * @property {string} model        its address
 * @property {string | null} name  null where none of it is whole
 * @property {number} bytes        that are stored
 * @property {Kind[]} kinds        halves that are whole, but for `missing`
 * @property {number} missing      shards of these that are gone
 */

/** A place in the field's own words (see worker/address.js), or files that were chosen. */
/** @typedef {{ address: string } | { files: { path: string, file: File }[] }} ImportSource */

/**
 * A half of a model that is to be made of a published checkpoint.
 * @typedef {object} ImportRequest
 * @property {string} model        the address that it gets
 * @property {Kind} kind
 * @property {string} name         for people
 * @property {"q8" | "q4" | "f16"} scheme
 * @property {ImportSource} from
 * @property {ImportSource | null} vae  another autoencoder
 * @property {string | null} token      for servers that do not give the files to everybody; never stored
 */

/** What a LoRA for few steps was made for; see src/preset.rs. @typedef {Required<import("./page/settings.js").Sampling> & { name: string, steps: number, guidanceScale: number }} Preset */

/** What the header of a LoRA's file says. @typedef {{ triggerWords: string[], baseModel: string | null, preset: Preset | null }} LoraFacts */

/** A LoRA that is stored on this device; without facts, not all of it. @typedef {{ name: string, bytes: number, facts: LoraFacts | null }} StoredLora */

/** A LoRA that is to be stored. @typedef {{ name: string, from: ImportSource, token: string | null }} LoraRequest */

/**
 * What the form needs to know about a model.
 * @typedef {object} ModelFacts
 * @property {string} name
 * @property {boolean} demo        the small model that comes with the page
 * @property {number} side         the side the model was trained for, in pixels
 * @property {number} multiple     width and height are multiples of this
 * @property {number} minSide
 * @property {number} maxSide
 * @property {number} steps
 * @property {number} guidance
 * @property {number} switchAt
 * @property {boolean} refiner
 * @property {number} bytes        bytes to load over the network, all shards together
 * @property {number} missing      of those, bytes not stored on this device
 */

/**
 * A request to the engine: the settings of a picture, with those that every request names.
 * @typedef {Required<Pick<import("./page/settings.js").Settings, "prompt" | "seed" | "steps" | "guidanceScale" | "width" | "height" | "loras">>
 *   & import("./page/settings.js").Settings} DrawRequest
 */

/** How a prompt is read; see src/prompt/reading.rs. @typedef {{ tokens: number, room: number, pieces: { text: string, weight: number, chunk: number | null }[] }} Reading */

/** Pixels that a request starts from; a mask is light where they are redrawn. @typedef {{ image: ImageData, mask: ImageData | null }} Inputs */

/** @typedef {{ width: number, height: number, png: Uint8Array<ArrayBuffer> }} Picture */

/** What the VAE decodes: images, height, width and channels, and f32 values, the lowest byte first. @typedef {{ shape: [number, number, number, number], values: Uint8Array }} Latents */

/** @typedef {"text" | "encode" | "base" | "refiner" | "decode"} Stage */

/**
 * @typedef {{ type: "download", bytes: number, total: number }
 *   | { type: "space", needed: number, free: number | null }
 *   | { type: "verify", bytes: number, total: number }
 *   | { type: "engine" }
 *   | { type: "compile", done: number, all: number }
 *   | { type: "load", component: string, bytes: number, total: number }
 *   | { type: "stage", stage: Stage }
 *   | { type: "step", stage: "base" | "refiner", step: number, steps: number }
 *   | { type: "preview", previews: { width: number, height: number, rgba: Uint8Array }[] }
 *   | { type: "latents" } & Latents
 *   | { type: "bench", what: string, index: number, count: number }} ProgressEvent
 */

/**
 * What the bench measures; see `src/bench`.
 * @typedef {object} BenchOptions
 * @property {number} size
 * @property {"q8" | "q4" | "f16" | "f32"} weights
 * @property {boolean} f16
 * @property {"unet" | "refiner" | "vae" | null} only
 * @property {number} repeats
 */

/**
 * The configs of another model than SDXL 1.0.
 * @typedef {{ name: string, unet: object, refiner: object | null, vae: object, scheduler: object }} BenchConfigs
 */

/** @typedef {{ report: object, markdown: string }} BenchResult */

/** What SDXL is to be forecast for: the side of a picture in pixels, and bytes of the GPU to plan for. @typedef {{ size: number, weights: "q8" | "q4", memory: number | null }} ForecastPlan */

/** Seconds of a step with guidance, and of decoding; the most bytes on the GPU. @typedef {{ baseStep: number, refinerStep: number | null, decode: number, memory: number }} Forecast */

/** Of a half of SDXL 1.0: what is read, and what is kept of it. @typedef {{ read: number, stored: number }} Bytes */

/** What the worker found out about the browser, as a sentence's key and what fills it in: the page knows the language. */
/** @typedef {{ code: string, ok: boolean, says: import("./text/en.js").Key, values: Record<string, string | number> }} Finding */

/** @typedef {{ code: string, ok: boolean, sentence: string }} Check */

/** @typedef {{ name: string, message: string, details: Record<string, unknown> }} WireError */

/**
 * @typedef {{ id: number, action: string, data: unknown } | { abort: number }} ToWorker
 * @typedef {{ id: number, event: ProgressEvent }
 *   | { id: number, result: unknown }
 *   | { id: number, error: WireError }
 *   | { fatal: WireError }} ToPage
 */

/** An error with a code that the page has words for; `details` name the thing at fault. */
export class CodedError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {Record<string, unknown>} [details]
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, details = {}, options) {
    super(message, options);
    this.name = code;
    this.details = details;
  }
}

/** The error of a request that was stopped on purpose. */
export function aborted() {
  return new CodedError("AbortError", "Stopped.");
}

/**
 * Errors lose their name and own fields in a structured clone, so they travel as plain objects.
 * @param {unknown} error
 * @returns {WireError}
 */
export function toWire(error) {
  if (!(error instanceof Error) && !(error instanceof DOMException)) return { name: "Error", message: messageOf(error), details: {} };
  const details = error instanceof CodedError ? error.details : "field" in error ? { field: error.field } : {};
  return { name: error.name, message: error.message, details };
}

/** What may have been thrown by anybody. @param {unknown} thrown */
export function messageOf(thrown) {
  return String(/** @type {Partial<Error> | null | undefined} */ (thrown)?.message ?? thrown);
}

/** @param {WireError} wire */
export function fromWire(wire) {
  return new CodedError(wire.name, wire.message, wire.details);
}
