// @ts-check
/** Wires the parts; the only module that knows them all. */

import { CodedError } from "../protocol.js";
import { megabytes } from "../support.js";
import { part } from "./element.js";
import { Generator } from "./generator.js";
import { ImageView } from "./image-view.js";
import { ImportForm } from "./import-form.js";
import { LoraForm } from "./lora-form.js";
import { LorasView } from "./loras-view.js";
import { MessageView } from "./message-view.js";
import { ModelView } from "./model-view.js";
import { ModelsView } from "./models-view.js";
import { askToPersist, keepForOffline } from "./offline.js";
import { ProgressView } from "./progress-view.js";
import { PromptForm } from "./prompt-form.js";
import { isAbort } from "./trouble.js";

/** @typedef {import("../protocol.js").DrawRequest} DrawRequest */
/** @typedef {import("../protocol.js").StoredModel} StoredModel */
/** @typedef {import("./import-form.js").Wish} Wish */

const DEMO = new URL("../models/demo/", import.meta.url).href;

let address = new URL(new URLSearchParams(location.search).get("model") ?? DEMO, document.baseURI).href;
const generator = new Generator();
const form = new PromptForm(part(document, "#prompt-form", HTMLFormElement), (request) => draw({ ...request, loras: loras.used }));
const progress = new ProgressView(part(document, "#progress", HTMLElement), () => stop?.abort());
const image = new ImageView(part(document, "#picture", HTMLElement));
const message = new MessageView(part(document, "#message", HTMLElement));
const model = new ModelView(part(document, "#model", HTMLElement), () => attempt(() => remove(address)));
const models = new ModelsView(part(document, "#models", HTMLElement), (deed, model) => DEEDS[deed](model));
const loras = new LorasView(part(document, "#loras", HTMLElement), { word: form.addToPrompt.bind(form), remove: removeLora });
const loraForm = new LoraForm(part(document, "#lora-form", HTMLFormElement), addLora);
const imports = new ImportForm(part(document, "#import-form", HTMLFormElement), bring);

/** @type {AbortController | null} */
let stop = null;
let configured = false;

document.documentElement.dataset.ready = "true";
keepForOffline();
await start();

async function start() {
  message.clear();
  try {
    const checks = await generator.check();
    model.showChecks(checks);
    const failed = checks.find(({ ok }) => !ok);
    if (failed) throw new CodedError(failed.code, failed.sentence);
    await refreshModel();
  } catch (error) {
    message.show(error, start);
  }
}

async function refreshModel() {
  const facts = await generator.open(address);
  model.update(facts, address);
  // Only once: what the user typed since then stays.
  if (!configured) form.configure(facts);
  configured = true;
  model.showMemory(await generator.memory());
  await refreshModels();
}

async function refreshModels() {
  models.show(await generator.models(), address);
  loras.show(await generator.loras());
}

/** @type {Record<import("./models-view.js").Deed, (model: StoredModel) => unknown>} */
const DEEDS = {
  use: ({ model }) => use(model),
  verify: (model) =>
    longWork((options) => generator.verify(model.model, options), ({ checked, bad }) => {
      imports.tell(bad === 0 ? `All ${checked} parts are sound.` : `${bad} of ${checked} parts were damaged and are removed: load the model again, and only these are read.`);
    }),
  export: (model) =>
    longWork((options) => generator.exportModel(model.model, options), (archive) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(archive);
      link.download = `${model.name}.tar`;
      link.click();
      // The browser has begun to read it by then.
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }),
  async rename({ model, name }) {
    const wanted = prompt("The model's new name:", name ?? "");
    if (wanted === null) return;
    await attempt(() => generator.rename(model, wanted).then(refreshModel));
  },
  async remove({ model, name }) {
    if (confirm(`Remove ${name ?? "what was loaded of this model"} from this device?`)) await attempt(() => remove(model));
  },
};

/** @param {Wish} wish */
async function bring(wish) {
  const wanted = addressOf(wish);
  await longWork(
    async (options) => {
      imports.showPromise(await askToPersist());
      if ("packed" in wish) return generator.importPacked(wanted, wish.packed, options).then(() => wanted);
      const [{ from } = { from: null }] = wish.halves;
      const served = from && "address" in from ? await generator.packedAt(from.address, options) : null;
      if (served) return generator.load(served, options).then(() => served);
      for (const half of wish.halves) await generator.importModel({ ...half, model: wanted }, options);
      return wanted;
    },
    use,
    () => bring(wish),
  );
}

/** @param {import("../protocol.js").LoraRequest} request */
async function addLora(request) {
  await longWork(
    (options) => generator.importLora(request, options),
    async () => {
      loraForm.clear();
      await refreshModels();
      loras.use(request.name);
    },
    () => addLora(request),
  );
}

/** @param {string} name */
async function removeLora(name) {
  if (confirm(`Remove the LoRA ${name} from this device?`)) await attempt(() => generator.forgetLora(name).then(refreshModels));
}

/** The same wish has the same address, so that it goes on where it was cut off. @param {Wish} wish */
function addressOf(wish) {
  if ("packed" in wish) return `imported:${encodeURIComponent(wish.packed[0]?.file.name ?? "model")}/`;
  const [base] = wish.halves;
  const from = base && ("address" in base.from ? base.from.address : base.from.files.map(({ path }) => path).join(" "));
  return `imported:${encodeURIComponent(from ?? "model")}/${base?.scheme}/`;
}

/** @param {string} wanted */
async function use(wanted) {
  address = wanted;
  configured = false;
  const query = wanted === DEMO ? "" : `?${new URLSearchParams({ model: wanted })}`;
  history.replaceState(null, "", `${location.pathname}${query}`);
  message.clear();
  await attempt(refreshModel);
}

/** @param {() => Promise<unknown>} work */
async function attempt(work) {
  message.clear();
  try {
    await work();
  } catch (error) {
    message.show(error, () => attempt(work));
  }
}

/**
 * What takes a while, shows how far it is, and can be stopped.
 * @template T
 * @param {(options: import("./generator.js").Options) => Promise<T>} work
 * @param {(result: T) => unknown} then
 * @param {() => unknown} [again]
 */
async function longWork(work, then, again = () => longWork(work, then)) {
  stop = new AbortController();
  message.clear();
  setDrawing(true);
  progress.start({ steps: 0 });
  const onEvent = (/** @type {import("../protocol.js").ProgressEvent} */ event) => {
    if (event.type === "space") imports.tell(`Stores ${megabytes(event.needed)}${event.free === null ? "" : `; ${megabytes(event.free)} are free for this page`}.`);
    progress.update(event);
  };
  try {
    await then(await work({ signal: stop.signal, onEvent }));
  } catch (error) {
    if (!isAbort(error)) message.show(error, again);
  }
  progress.stop();
  setDrawing(false);
  await refreshModels().catch(() => {});
}

/** @param {DrawRequest} request */
async function draw(request) {
  const moveFocus = form.hasFocus;
  const began = performance.now();
  stop = new AbortController();
  const options = { signal: stop.signal, onEvent: progress.update.bind(progress) };
  message.clear();
  setDrawing(true);
  progress.start(request);
  if (moveFocus) progress.focus();
  askToPersist();
  try {
    await generator.load(address, options);
    const picture = await generator.generate(request, options);
    await image.show(picture, request, (performance.now() - began) / 1000);
  } catch (error) {
    if (!isAbort(error)) tell(error, request);
  }
  const focusBack = progress.hasFocus;
  progress.stop();
  setDrawing(false);
  if (focusBack) form.focus();
  // What the run ended with is on the page already; the model's state is then merely not up to date.
  await refreshModel().catch(() => {});
}

/**
 * @param {unknown} error
 * @param {DrawRequest} request
 */
function tell(error, request) {
  const field = error instanceof CodedError ? error.details.field : undefined;
  if (typeof field === "string" && form.showProblem(field, /** @type {Error} */ (error).message)) return;
  message.show(error, () => draw(request));
}

/** @param {boolean} drawing */
function setDrawing(drawing) {
  form.update({ drawing });
  image.update({ drawing });
  model.setBusy(drawing);
  models.setBusy(drawing);
  imports.setBusy(drawing);
  loraForm.setBusy(drawing);
}

/** What is served may stay the one that draws; what was imported is gone. @param {string} wanted */
async function remove(wanted) {
  await generator.forget(wanted);
  if (wanted === address && wanted.startsWith("imported:")) await use(DEMO);
  else await refreshModel();
}
