// @ts-check
/** Wires the parts; the only module that knows them all. */

import { CodedError } from "../protocol.js";
import { settled } from "../settled.js";
import { Diagnostics } from "./diagnostics.js";
import { keepDraft } from "./draft.js";
import { Drawing } from "./drawing.js";
import { part } from "./element.js";
import { Generator } from "./generator.js";
import { GpuMemory } from "./gpu-memory.js";
import { GridSheet } from "./grid-sheet.js";
import { Library } from "./library.js";
import { LorasView } from "./loras-view.js";
import { ModelView } from "./model-view.js";
import { keepForOffline } from "./offline.js";
import { PictureStore } from "./picture-store.js";
import { Pictures, pixelsOf } from "./pictures.js";
import { PromptForm } from "./prompt-form.js";
import { PromptReading } from "./prompt-reading.js";
import { QualityView } from "./quality-view.js";
import { RecentPromptsView } from "./recent-prompts-view.js";
import { RecentPrompts } from "./recent-prompts.js";
import { remediesOfStorage } from "./remedies.js";
import { SettingsIntake } from "./settings-intake.js";
import { StartPicture } from "./start-picture.js";
import { language, offerLanguages, say, translate } from "./text.js";
import { Work } from "./work.js";

const DEMO = new URL("../models/demo/", import.meta.url).href;

/** The model that draws. */
const model = { address: wantedModel(), name: "" };
/** The one that the form was set for. */
let configured = "";

document.documentElement.lang = language;
translate(document);
offerLanguages(part(document, "#language", HTMLSelectElement));

const generator = new Generator();
const diagnostics = new Diagnostics(part(document, "#diagnostics", HTMLDialogElement), async () => {
  const device = generator.diagnose();
  const loras = generator.loras().then(({ length }) => length);
  return { model: model.address, ...(await settled({ device, memory: generator.memory(), models: generator.models(), loras })) };
});
const work = new Work({ change: setBusy, leave: () => form.focus(), remedies: (code) => remediesOfStorage(code, () => library.showModels()) }, diagnostics);
const start = new StartPicture(part(document, "#start-picture", HTMLElement));
const form = new PromptForm(part(document, "#prompt-form", HTMLFormElement), {
  submit: (requests, grid) => work.attempt(() => ask(requests, grid)),
  size: (width, height) => start.resize(width, height),
  reading: () => readPrompts(),
  change: () => quality.update(),
  around: () => ({ loras: loras.used, hasPicture: start.isThere }),
});
keepDraft(part(document, "#prompt-form", HTMLFormElement).querySelectorAll("textarea"));
const loras = new LorasView(part(document, "#loras", HTMLElement), { word: form.addToPrompt.bind(form), remove: (name) => library.removeLora(name), preset: (name) => quality.useSettingsOf(name), change: () => quality.update() });
const quality = new QualityView(part(document, "#quality", HTMLElement), {
  form,
  loras,
  bringLora: (address) => library.proposeLora(address),
  bringModel() {
    part(document, "#get-model", HTMLDetailsElement).open = true;
    part(document, "#import-base", HTMLElement).focus();
  },
});
const recent = new RecentPromptsView(part(document, "#prompt-form", HTMLElement), new RecentPrompts(), (prompt) => {
  form.fill(prompt);
  part(document, "#prompt", HTMLElement).focus();
});
const intake = new SettingsIntake({ form, loras, modelName: () => model.name, attempt: (quick) => work.attempt(quick) });
const store = new PictureStore();
const pictures = new Pictures(store, {
  use: (settings, drawnBy) => intake.take(settings, drawnBy),
  draw: async (request, from) => drawing.add({ request, inputs: from && (await pixelsOf(from)) }),
  async start(png, { width, height }, paints) {
    form.fill({ width, height });
    await start.set(png);
    if (paints) start.paint();
    part(document, "#start-picture", HTMLElement).scrollIntoView({ block: "nearest" });
  },
  added: (request, id) => sheet.added(request, id),
  listed: (records) => sheet.listed(records),
  attempt: (quick) => work.attempt(quick),
});
const sheet = new GridSheet(part(document, "#sheet", HTMLElement), {
  draw: (jobs) => drawing.add(...jobs),
  open: (id) => pictures.open(id),
  leave: () => form.focus(),
  attempt: (quick) => work.attempt(quick),
});
const modelView = new ModelView(part(document, "#model", HTMLElement), async () => {
  // The demo is here again in a moment.
  if (model.address === DEMO || confirm(say("removeModel", { name: model.name }))) await work.attempt(() => remove(model.address));
});
const memory = new GpuMemory(part(document, "#gpu-memory", HTMLSelectElement));
const library = new Library({ generator, model, loras, memory, work, use, changed: refresh, remove });
const drawing = new Drawing({ generator, model, form, pictures, store, memory, work, ended: refresh, queued: (waiting, drawn) => sheet.queued(waiting, drawn) });
const readings = /** @type {const} */ ([["prompt", "reading-prompt"], ["negativePrompt", "reading-negative"]]).map(([field, place]) => {
  const shown = part(document, `[data-part=${place}]`, HTMLElement);
  return new PromptReading(part(document, `#${field}`, HTMLTextAreaElement), shown, { text: () => form.prompts[field], read: (prompt) => generator.readPrompt(model.address, prompt, form.syntax) });
});

part(document, "#show-report", HTMLButtonElement).addEventListener("click", () => diagnostics.show());

addEventListener("beforeunload", (event) => {
  if (work.isRunning || drawing.isBusy) event.preventDefault();
});

document.documentElement.dataset.ready = "true";
keepForOffline();
await work.attempt(begin, () => (model.address === DEMO ? [] : [{ label: say("useDemo"), act: () => use(DEMO) }]));

async function begin() {
  const checks = await generator.check();
  modelView.showChecks(checks);
  const failed = checks.find(({ ok }) => !ok);
  // What is stored here is shown, whatever else is not to be had.
  const parts = await Promise.allSettled([failed ? null : refreshModel(), library.refresh(), pictures.refresh(), drawing.refresh()]);
  if (failed) throw new CodedError(failed.code, failed.sentence);
  for (const part of parts) if (part.status === "rejected") throw part.reason;
}

async function refreshModel() {
  const { address } = model;
  const facts = await generator.open(address);
  // Another one may have been chosen meanwhile.
  if (address === model.address) await show(address, facts);
}

/**
 * @param {string} address
 * @param {import("../protocol.js").ModelFacts} facts
 */
async function show(address, facts) {
  modelView.update(facts, address);
  pictures.configure(facts);
  // Only once: what the user typed since then stays.
  if (configured !== address) form.configure(facts);
  configured = address;
  model.name = facts.name;
  readPrompts();
  modelView.showMemory(await generator.memory());
}

/** After whatever may have changed what is stored of models. */
async function refresh() {
  await Promise.all([refreshModel(), library.refresh()]);
}

/** As this model does, in this syntax. */
function readPrompts() {
  for (const reading of readings) reading.update();
}

/**
 * @param {import("./request.js").FormRequest[]} requests
 * @param {import("./grid.js").Headers | null} grid  whose cells they are
 */
async function ask(requests, grid) {
  const [{ prompt, negativePrompt = null } = { prompt: "" }] = requests;
  recent.add({ prompt, negativePrompt });
  const from = await start.inputs;
  const jobs = requests.map((request, at) => {
    const full = { loras: loras.used, ...(from && { strength: from.strength }), ...request };
    return { request: full, inputs: from && { image: from.image, mask: from.mask }, name: grid?.names[at] };
  });
  if (grid) sheet.show(grid, jobs);
  drawing.add(...jobs);
}

/** @param {string} address */
async function use(address) {
  await work.attempt(async () => {
    const facts = await generator.open(address);
    model.address = address;
    const query = address === DEMO ? "" : `?${new URLSearchParams({ model: address })}`;
    history.replaceState(null, "", `${location.pathname}${query}`);
    await Promise.all([show(address, facts), library.refresh()]);
  });
}

/** Which the page's address names. What is no address is told when it is opened. */
function wantedModel() {
  const named = new URLSearchParams(location.search).get("model") ?? DEMO;
  return URL.canParse(named, document.baseURI) ? new URL(named, document.baseURI).href : named;
}

/** What is served may stay the one that draws; what was imported is gone. @param {string} address */
async function remove(address) {
  await generator.forget(address);
  if (address === model.address && address.startsWith("imported:")) await use(DEMO);
  else await refresh();
}

/** @param {{ drawing: boolean, busy: boolean }} state */
function setBusy(state) {
  form.update(state);
  drawing.setBusy(state.drawing);
  for (const view of [modelView, library]) view.setBusy(state.drawing || state.busy);
}
