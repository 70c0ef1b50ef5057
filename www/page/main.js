// @ts-check
/** Wires the parts; the only module that knows them all. */

import { CodedError } from "../protocol.js";
import { megabytes } from "../support.js";
import { part } from "./element.js";
import { Generator } from "./generator.js";
import { ImageView } from "./image-view.js";
import { ImportForm, addressOf } from "./import-form.js";
import { LoraForm } from "./lora-form.js";
import { LorasView } from "./loras-view.js";
import { MessageView } from "./message-view.js";
import { ModelView } from "./model-view.js";
import { ModelsView } from "./models-view.js";
import { askToPersist, keepForOffline } from "./offline.js";
import { withSettings } from "./picture-file.js";
import { Pictures, pixelsOf } from "./pictures.js";
import { PreviewView } from "./preview-view.js";
import { ProgressView } from "./progress-view.js";
import { PromptForm } from "./prompt-form.js";
import { PromptReading } from "./prompt-reading.js";
import { QueueView } from "./queue-view.js";
import { Queue } from "./queue.js";
import { saveFile } from "./save-file.js";
import { SettingsIntake } from "./settings-intake.js";
import { StartPicture } from "./start-picture.js";
import { language, offerLanguages, say, translate } from "./text.js";
import { isAbort } from "./trouble.js";

/** @typedef {{ request: import("../protocol.js").DrawRequest, inputs: import("../protocol.js").Inputs | null }} Job */
/** @typedef {import("./import-form.js").Wish} Wish */

const TITLE = document.title;
const DEMO = new URL("../models/demo/", import.meta.url).href;

let address = new URL(new URLSearchParams(location.search).get("model") ?? DEMO, document.baseURI).href;
const generator = new Generator();
document.documentElement.lang = language;
translate(document);
offerLanguages(part(document, "#language", HTMLSelectElement));
const start = new StartPicture(part(document, "#start-picture", HTMLElement));
const form = new PromptForm(part(document, "#prompt-form", HTMLFormElement), { submit: ask, size: (width, height) => start.resize(width, height), syntax: () => readPrompts() });
const progress = new ProgressView(part(document, "#progress", HTMLElement), () => stop?.abort());
const image = new ImageView(part(document, "#picture", HTMLElement));
const preview = new PreviewView(part(document, "#picture .frame", HTMLElement));
const waiting = new QueueView(part(document, "#queue", HTMLElement), { remove: (id) => queue.remove(id), clear: () => queue.clear() });
/** @type {Queue<Job>} */
const queue = new Queue(draw, (jobs) => waiting.show(jobs));
const pictures = new Pictures({
  use: (settings) => intake.take(settings),
  draw: async (request, from) => queue.add({ request, inputs: from && (await pixelsOf(from)) }),
  async start(png, { width, height }, paints) {
    form.fill({ width, height });
    await start.set(png);
    if (paints) start.paint();
    part(document, "#start-picture", HTMLElement).scrollIntoView({ block: "nearest" });
  },
  attempt,
});
const message = new MessageView(part(document, "#message", HTMLElement));
const model = new ModelView(part(document, "#model", HTMLElement), () => attempt(() => remove(address)));
const models = new ModelsView(part(document, "#models", HTMLElement), (deed, model) => DEEDS[deed](model));
const loras = new LorasView(part(document, "#loras", HTMLElement), { word: form.addToPrompt.bind(form), remove: removeLora });
const intake = new SettingsIntake({ form, loras, attempt });
const loraForm = new LoraForm(part(document, "#lora-form", HTMLFormElement), addLora);
const imports = new ImportForm(part(document, "#import-form", HTMLFormElement), bring);

/** @type {AbortController | null} */
let stop = null;
let configured = false;
let modelName = "";

const readings = /** @type {const} */ ([["prompt", "reading-prompt"], ["negativePrompt", "reading-negative"]]).map(([field, place]) => {
  const shown = part(document, `[data-part=${place}]`, HTMLElement);
  return new PromptReading(part(document, `#${field}`, HTMLTextAreaElement), shown, (prompt) => generator.readPrompt(address, prompt, form.syntax));
});

document.documentElement.dataset.ready = "true";
keepForOffline();
await begin();

async function begin() {
  message.clear();
  try {
    const checks = await generator.check();
    model.showChecks(checks);
    const failed = checks.find(({ ok }) => !ok);
    if (failed) throw new CodedError(failed.code, failed.sentence);
    await refreshModel();
    await pictures.refresh();
  } catch (error) {
    message.show(error, begin);
  }
}

async function refreshModel() {
  const facts = await generator.open(address);
  model.update(facts, address);
  // Only once: what the user typed since then stays.
  if (!configured) form.configure(facts);
  modelName = facts.name;
  configured = true;
  model.showMemory(await generator.memory());
  readPrompts();
  await refreshModels();
}

/** As this model does, in this syntax. */
function readPrompts() {
  for (const reading of readings) reading.update();
}

async function refreshModels() {
  models.show(await generator.models(), address);
  loras.show(await generator.loras());
}

/** @type {Record<import("./models-view.js").Deed, (model: import("../protocol.js").StoredModel) => unknown>} */
const DEEDS = {
  use: ({ model }) => use(model),
  verify: (model) =>
    longWork((options) => generator.verify(model.model, options), ({ checked, bad }) => {
      imports.tell(say(bad === 0 ? "allSound" : "someDamaged", { count: checked, bad }));
    }),
  export: (model) =>
    longWork((options) => generator.exportModel(model.model, options), (archive) => saveFile(archive, `${model.name}.tar`)),
  async rename({ model, name }) {
    const wanted = prompt(say("newName"), name ?? "");
    if (wanted === null) return;
    await attempt(() => generator.rename(model, wanted).then(refreshModel));
  },
  async remove({ model, name }) {
    if (confirm(say("removeModel", { name: name ?? say("partialModel") }))) await attempt(() => remove(model));
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
  if (confirm(say("removeLora", { name }))) await attempt(() => generator.forgetLora(name).then(refreshModels));
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
  setBusy({ busy: true });
  progress.start({ steps: 0 });
  const onEvent = (/** @type {import("../protocol.js").ProgressEvent} */ event) => {
    if (event.type === "space") imports.tell(say(event.free === null ? "stores" : "storesOf", { needed: megabytes(event.needed), free: megabytes(event.free ?? 0) }));
    progress.update(event);
  };
  try {
    await then(await work({ signal: stop.signal, onEvent }));
  } catch (error) {
    if (!isAbort(error)) message.show(error, again);
  }
  progress.stop();
  setBusy({});
  await refreshModels().catch(() => {});
}

/** @param {import("./request.js").FormRequest[]} requests */
async function ask(requests) {
  const from = await start.inputs;
  const jobs = requests.map((request) => {
    const full = { ...request, loras: loras.used, ...(from && { strength: from.strength }) };
    return { request: full, inputs: from && { image: from.image, mask: from.mask } };
  });
  queue.add(...jobs);
}

/**
 * @param {Job} job
 * @returns {Promise<boolean>} whether to go on with the next
 */
async function draw({ request, inputs }) {
  const moveFocus = form.hasFocus;
  const began = performance.now();
  stop = new AbortController();
  const onEvent = (/** @type {import("../protocol.js").ProgressEvent} */ event) => {
    if (event.type === "preview" && event.previews[0]) preview.show(event.previews[0]);
    if (event.type === "step") document.title = say("titleWhile", { step: event.step, steps: event.steps });
    progress.update(event);
  };
  const options = { signal: stop.signal, onEvent };
  message.clear();
  setBusy({ drawing: true });
  progress.start(request);
  if (moveFocus) progress.focus();
  askToPersist();
  let goesOn = true;
  try {
    await generator.load(address, options);
    const { width, height, png } = await generator.generate(request, inputs, options);
    const seconds = (performance.now() - began) / 1000;
    const kept = withSettings(png, request, modelName);
    await image.show({ width, height, png: kept }, request, seconds);
    const record = { png: new Blob([kept], { type: "image/png" }), width, height, request, model: modelName, seconds, at: Date.now() };
    await pictures.add(record).catch((error) => {
      // Stored again, not drawn again.
      message.show(error, () => attempt(() => pictures.add(record)));
      goesOn = false;
    });
  } catch (error) {
    if (!isAbort(error)) {
      tell(error, { request, inputs });
      goesOn = false;
    }
  }
  const focusBack = progress.hasFocus;
  preview.clear();
  progress.stop();
  document.title = TITLE;
  setBusy({});
  if (focusBack) form.focus();
  // Not waited for: what the run ended with is on the page already, and who asks for the next picture is not to wait for this.
  void refreshModel().catch(() => {});
  return goesOn;
}

/**
 * @param {unknown} error
 * @param {Job} job
 */
function tell(error, job) {
  const field = error instanceof CodedError ? error.details.field : undefined;
  if (typeof field === "string" && form.showProblem(field, /** @type {Error} */ (error).message)) return;
  message.show(error, () => queue.add(job));
}

/** @param {{ drawing?: boolean, busy?: boolean }} state  busy is what no picture can be asked for beside */
function setBusy({ drawing = false, busy = false }) {
  form.update({ drawing, busy });
  image.update({ drawing: drawing || busy });
  for (const view of [model, models, imports, loraForm]) view.setBusy(drawing || busy);
}

/** What is served may stay the one that draws; what was imported is gone. @param {string} wanted */
async function remove(wanted) {
  await generator.forget(wanted);
  if (wanted === address && wanted.startsWith("imported:")) await use(DEMO);
  else await refreshModel();
}
