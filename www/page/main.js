// @ts-check
/** Wires the parts; the only module that knows them all. */

import { CodedError } from "../protocol.js";
import { part } from "./element.js";
import { Generator } from "./generator.js";
import { ImageView } from "./image-view.js";
import { MessageView } from "./message-view.js";
import { ModelView } from "./model-view.js";
import { askToPersist, keepForOffline } from "./offline.js";
import { ProgressView } from "./progress-view.js";
import { PromptForm } from "./prompt-form.js";
import { isAbort } from "./trouble.js";

/** @typedef {import("../protocol.js").DrawRequest} DrawRequest */

const DEMO = "www/models/demo/";

const address = new URL(new URLSearchParams(location.search).get("model") ?? DEMO, document.baseURI).href;
const generator = new Generator();
const form = new PromptForm(part(document, "#prompt-form", HTMLFormElement), draw);
const progress = new ProgressView(part(document, "#progress", HTMLElement), () => stop?.abort());
const image = new ImageView(part(document, "#picture", HTMLElement));
const message = new MessageView(part(document, "#message", HTMLElement));
const model = new ModelView(part(document, "#model", HTMLElement), removeModel);

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
}

async function removeModel() {
  message.clear();
  try {
    await generator.forget(address);
    await refreshModel();
  } catch (error) {
    message.show(error, removeModel);
  }
}
