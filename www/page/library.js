// @ts-check
/** Models and LoRAs on this device: brings them here, and does what their lists offer. */

import { megabytes } from "../support.js";
import { part } from "./element.js";
import { ForecastView } from "./forecast-view.js";
import { ImportForm, addressOf } from "./import-form.js";
import { LoraForm } from "./lora-form.js";
import { ModelsView } from "./models-view.js";
import { askToPersist } from "./offline.js";
import { saveFile } from "./save-file.js";
import { say } from "./text.js";

/**
 * @typedef {import("./worker-calls.js").Options} Options
 * @typedef {import("../protocol.js").StoredModel} StoredModel
 */

export class Library {
  #parts;
  #models = new ModelsView(part(document, "#models", HTMLElement), (deed, model) => this.#do(deed, model));
  #loraForm = new LoraForm(part(document, "#lora-form", HTMLFormElement), (request) => this.#addLora(request));
  #forecast;
  #imports = new ImportForm(part(document, "#import-form", HTMLFormElement), (wish) => this.#bring(wish));

  /**
   * @param {object} parts
   * @param {import("./generator.js").Generator} parts.generator
   * @param {{ address: string }} parts.model  the one that draws, now
   * @param {import("./loras-view.js").LorasView} parts.loras
   * @param {import("./gpu-memory.js").GpuMemory} parts.memory
   * @param {import("./work.js").Work} parts.work
   * @param {(address: string) => Promise<void>} parts.use     draws with that model from now on
   * @param {() => Promise<void>} parts.changed                what is stored of the model that draws, or its name
   * @param {(address: string) => Promise<void>} parts.remove
   */
  constructor(parts) {
    this.#parts = parts;
    this.#forecast = new ForecastView(part(document, "#get-model", HTMLDetailsElement), parts);
  }

  async refresh() {
    const { generator, loras, model } = this.#parts;
    this.#models.show(await generator.models(), model.address);
    loras.show(await generator.loras());
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    for (const view of [this.#models, this.#imports, this.#loraForm, this.#forecast]) view.setBusy(busy);
  }

  /** @param {string} address */
  proposeLora(address) {
    this.#loraForm.propose(address);
  }

  showModels() {
    this.#models.reveal();
  }

  /** @param {string} name */
  async removeLora(name) {
    const { generator, work } = this.#parts;
    if (confirm(say("removeLora", { name }))) await work.attempt(() => generator.forgetLora(name).then(() => this.refresh()));
  }

  /**
   * @param {import("./models-view.js").Deed} deed
   * @param {StoredModel} stored
   */
  async #do(deed, { model, name }) {
    const { generator, work, use, changed, remove } = this.#parts;
    switch (deed) {
      case "use":
        return use(model);
      case "verify":
        return this.#long(async (options) => {
          const { checked, bad } = await generator.verify(model, options);
          this.#imports.tell(say(bad === 0 ? "allSound" : "someDamaged", { count: checked, bad }));
        });
      case "export":
        return this.#long(async (options) => saveFile(await generator.exportModel(model, options), `${name}.tar`));
      case "rename": {
        const wanted = prompt(say("newName"), name ?? "");
        if (wanted !== null) await work.attempt(() => generator.rename(model, wanted).then(changed));
        return;
      }
      case "remove":
        if (confirm(say("removeModel", { name: name ?? say("partialModel") }))) await work.attempt(() => remove(model));
    }
  }

  /** @param {import("./import-form.js").Wish} wish */
  async #bring(wish) {
    const { generator, use } = this.#parts;
    const wanted = addressOf(wish);
    await this.#long(async (options) => {
      this.#imports.showPromise(await askToPersist());
      if ("packed" in wish) return generator.importPacked(wanted, wish.packed, options).then(() => use(wanted));
      const [{ from } = { from: null }] = wish.halves;
      const served = from && "address" in from ? await generator.packedAt(from.address, options) : null;
      if (served) return generator.load(served, options).then(() => use(served));
      for (const half of wish.halves) await generator.importModel({ ...half, model: wanted }, options);
      return use(wanted);
    });
  }

  /** @param {import("../protocol.js").LoraRequest} request */
  async #addLora(request) {
    const { generator, loras } = this.#parts;
    await this.#long(async (options) => {
      await generator.importLora(request, options);
      this.#loraForm.clear();
      await this.refresh();
      loras.use(request.name);
    });
  }

  /** @param {(options: Options) => Promise<unknown>} work */
  async #long(work) {
    const onEvent = (/** @type {import("../protocol.js").ProgressEvent} */ event) => {
      if (event.type === "space") this.#imports.tell(say(event.free === null ? "stores" : "storesOf", { needed: megabytes(event.needed), free: megabytes(event.free ?? 0) }));
    };
    await this.#parts.work.run(work, { onEvent, again: () => this.#long(work) });
    await this.refresh().catch(() => {});
  }
}
