// @ts-check
/** Draws what was asked for, one picture after the other. */

import { CodedError } from "../protocol.js";
import { part } from "./element.js";
import { ImageView } from "./image-view.js";
import { askToPersist } from "./offline.js";
import { withSettings } from "./picture-file.js";
import { PreviewView } from "./preview-view.js";
import { QueueView } from "./queue-view.js";
import { Queue } from "./queue.js";
import { remediesAtDrawing } from "./remedies.js";
import { stepsOf } from "./run-steps.js";
import { scaledInputs } from "./scaled-inputs.js";
import { say } from "./text.js";
import { UnfinishedPictures } from "./unfinished-pictures.js";

/**
 * @typedef {import("./worker-calls.js").Options} Options
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("./picture-store.js").Unfinished} Unfinished
 * @typedef {object} Job
 * @property {import("../protocol.js").DrawRequest} request
 * @property {import("../protocol.js").Inputs | null} inputs
 * @property {string | undefined} [name]  of its cell in a grid
 * @property {Unfinished} [unfinished]  it only has to be decoded
 */

const TITLE = document.title;

export class Drawing {
  #parts;
  #image = new ImageView(part(document, "#picture", HTMLElement));
  #unfinished;
  #preview = new PreviewView(part(document, "#picture .frame", HTMLElement));
  /** @type {Queue<Job>} */
  #queue;
  #takesFocus = false;

  /**
   * @param {object} parts
   * @param {import("./generator.js").Generator} parts.generator
   * @param {{ address: string, name: string }} parts.model  the one that draws, now
   * @param {import("./prompt-form.js").PromptForm} parts.form
   * @param {import("./pictures.js").Pictures} parts.pictures
   * @param {import("./picture-store.js").PictureStore} parts.store
   * @param {import("./gpu-memory.js").GpuMemory} parts.memory
   * @param {import("./work.js").Work} parts.work
   * @param {() => Promise<unknown>} parts.ended  called after each
   * @param {(waiting: Job[], drawn: Job | null) => void} parts.queued
   */
  constructor(parts) {
    this.#parts = parts;
    const { store, work, queued } = parts;
    this.#unfinished = new UnfinishedPictures(part(document, "#unfinished", HTMLElement), store, {
      decode: (unfinished) => this.add({ request: unfinished.request, inputs: null, unfinished }),
      attempt: (quick) => work.attempt(quick),
      leave: () => parts.form.focus(),
    });
    const view = new QueueView(part(document, "#queue", HTMLElement), {
      remove: (id) => this.#queue.remove(id),
      clear: () => this.#queue.clear(),
      resume: () => this.#queue.resume(),
      leave: () => work.focus(),
    });
    this.#queue = new Queue((job) => this.#draw(job), (state) => {
      view.show(state);
      this.#unfinished.setTaken([...state.waiting.map(({ item }) => item), state.current].flatMap((job) => job?.unfinished?.id ?? []));
      queued(state.waiting.map(({ item }) => item), state.current);
    });
  }

  /** @param {Job[]} jobs */
  add(...jobs) {
    // Whoever goes on typing while one after the other is drawn, keeps the focus.
    if (this.#queue.isEmpty) this.#takesFocus = this.#parts.form.hasFocus;
    this.#queue.add(...jobs);
  }

  /** Whether a picture is drawn or waits. */
  get isBusy() {
    return !this.#queue.isEmpty;
  }

  /** Offers what an earlier visit left. */
  async refresh() {
    await this.#unfinished.refresh();
  }

  /** Dims the picture of before. @param {boolean} busy */
  setBusy(busy) {
    this.#image.update({ drawing: busy });
  }

  /**
   * @param {Job} job
   * @returns {Promise<boolean>} whether to go on with the next
   */
  async #draw(job) {
    const { form, work, ended } = this.#parts;
    askToPersist();
    const takesFocus = this.#takesFocus;
    this.#takesFocus = false;
    const run = { ...job };
    let kept = true;
    const drawn = await work.run(
      async (options) => {
        kept = await this.#picture(run, options);
      },
      {
        steps: job.unfinished ? 0 : stepsOf(job.request, job.inputs !== null),
        drawing: true,
        takesFocus,
        onEvent: (event) => this.#show(event),
        tell: (error) => error instanceof CodedError && typeof error.details.field === "string" && form.showProblem(error.details.field, error.message),
        again: () => work.attempt(async () => this.#queue.again((await this.#isUnfinished(run)) ? run : job)),
        remedies: (code) => this.#remedies(code, run),
      },
    );
    this.#preview.clear();
    document.title = TITLE;
    // Not waited for: what the run ended with is on the page already, and who asks for the next picture is not to wait for this.
    void Promise.all([this.refresh(), ended()]).catch(() => {});
    return drawn && kept;
  }

  /**
   * @param {string} code
   * @param {Job} job
   */
  #remedies(code, { request, inputs }) {
    const { form, work } = this.#parts;
    // What a kept one had started from is gone.
    const isWhole = inputs !== null || (request.strength === undefined && !request.skipBase);
    if (!form.facts || !isWhole) return [];
    return remediesAtDrawing(code, request, form.facts, (change) =>
      work.attempt(async () => {
        const resized = "width" in change ? change : null;
        if (resized) form.fill(resized);
        this.add({ request: { ...request, ...change }, inputs: inputs && resized ? await scaledInputs(inputs, resized) : inputs });
      }),
    );
  }

  /** @param {ProgressEvent} event */
  #show(event) {
    if (event.type === "preview" && event.previews[0]) this.#preview.show(event.previews[0]);
    if (event.type === "step") document.title = say("titleWhile", { step: event.step, steps: event.steps });
  }

  /**
   * @param {Job} run  becomes unfinished on the way
   * @param {Options} options
   * @returns {Promise<boolean>} whether it was stored as well
   */
  async #picture(run, options) {
    const { generator, memory, pictures, work } = this.#parts;
    const { request } = run;
    // Another tab may have been quicker.
    if (run.unfinished && !(await this.#isUnfinished(run))) return true;
    const model = run.unfinished?.model ?? { ...this.#parts.model };
    const began = performance.now();
    await generator.load(model.address, options);
    const { width, height, png } = await (run.unfinished ? generator.decode(run.unfinished.latents, memory.bytes, options) : this.#generate(run, model, options));
    const seconds = (performance.now() - began) / 1000;
    const kept = withSettings(png, request, model.name);
    // A picture that cannot be shown is stored all the same.
    await this.#image.show({ width, height, png: kept }, request, seconds).catch(() => {});
    const record = { png: new Blob([kept], { type: "image/png" }), width, height, request, model: model.name, seconds, at: Date.now() };
    let isAdded = false;
    const store = async () => {
      if (!isAdded) await pictures.add(record);
      isAdded = true;
      if (run.unfinished) await this.#unfinished.drop(run.unfinished);
    };
    // Tried again, it is stored again, not drawn again.
    return work.attempt(store);
  }

  /** Whether it only has to be decoded, still. @param {Job} job */
  async #isUnfinished({ unfinished }) {
    return unfinished !== undefined && (await this.#parts.store.isUnfinished(unfinished.id));
  }

  /**
   * @param {Job} run
   * @param {{ address: string, name: string }} model
   * @param {Options} options
   */
  async #generate(run, model, options) {
    const { generator, memory } = this.#parts;
    const { request, inputs } = run;
    /** @type {Promise<void>} */
    let keeping = Promise.resolve();
    const keep = async (/** @type {import("../protocol.js").Latents} */ latents) => {
      const kept = await this.#unfinished.keep({ latents, request, model });
      if (kept) run.unfinished = kept;
    };
    try {
      return await generator.generate(request, inputs, memory.bytes, {
        ...options,
        onEvent(event) {
          if (event.type === "latents") keeping = keep({ shape: event.shape, values: event.values });
          options.onEvent?.(event);
        },
      });
    } finally {
      await keeping;
    }
  }
}
