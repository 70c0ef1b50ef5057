// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Generator } from "../../www/page/generator.js";

/** A worker that answers only what the test has it answer. */
class FakePort {
  /** @type {any[]} */
  sent = [];
  terminated = false;
  /** @type {Record<string, ((event: any) => void)[]>} */
  #listeners = { message: [], error: [] };

  /** @param {any} message */
  postMessage(message) {
    this.sent.push(message);
  }

  terminate() {
    this.terminated = true;
  }

  /** @param {string} type @param {any} listener */
  addEventListener(type, listener) {
    this.#listeners[type]?.push(listener);
  }

  /** @param {any} data */
  answer(data) {
    for (const listener of this.#listeners.message ?? []) listener({ data });
  }

  /** @param {string} message */
  fail(message) {
    for (const listener of this.#listeners.error ?? []) listener({ message });
  }
}

/** @type {FakePort[]} */
let ports;
/** @type {Generator} */
let generator;

beforeEach(() => {
  ports = [];
  generator = new Generator({
    patience: 30,
    spawn: () => {
      const port = new FakePort();
      ports.push(port);
      return port;
    },
  });
});

const request = /** @type {any} */ ({ prompt: "a cat" });
const wire = (/** @type {string} */ name, details = {}) => ({ name, message: `${name} happened`, details });

/** @param {number} index */
function portAt(index) {
  const port = ports[index];
  assert.ok(port, `worker ${index} was not started`);
  return port;
}

test("answers reach the request with their id, in any order", async () => {
  const first = generator.open("a/");
  const second = generator.open("b/");
  const [one, two] = portAt(0).sent;
  assert.notEqual(one.id, two.id);
  portAt(0).answer({ id: two.id, result: "facts of b" });
  portAt(0).answer({ id: one.id, result: "facts of a" });
  assert.deepEqual(await Promise.all([first, second]), ["facts of a", "facts of b"]);
  assert.equal(ports.length, 1);
});

test("events go to the request they belong to, and stop with its answer", async () => {
  /** @type {any[]} */
  const seen = [];
  const drawing = generator.generate(request, null, null, { onEvent: (event) => seen.push(event) });
  const other = generator.check();
  const [{ id }, { id: otherId }] = portAt(0).sent;
  portAt(0).answer({ id, event: { type: "stage", stage: "text" } });
  portAt(0).answer({ id: otherId, event: { type: "stage", stage: "decode" } });
  portAt(0).answer({ id, result: "picture" });
  portAt(0).answer({ id, event: { type: "stage", stage: "base" } });
  portAt(0).answer({ id: otherId, result: [] });
  assert.equal(await drawing, "picture");
  await other;
  assert.deepEqual(seen, [{ type: "stage", stage: "text" }]);
});

test("an error keeps its code, its message and its details", async () => {
  const drawing = generator.generate(request, null, null);
  portAt(0).answer({ id: portAt(0).sent[0].id, error: wire("BadRequest", { field: "steps" }) });
  await assert.rejects(drawing, (/** @type {any} */ error) => {
    assert.equal(error.name, "BadRequest");
    assert.equal(error.message, "BadRequest happened");
    assert.deepEqual(error.details, { field: "steps" });
    return error instanceof Error;
  });
});

test("a worker that answers an abort lives on", async () => {
  const controller = new AbortController();
  const drawing = generator.generate(request, null, null, { signal: controller.signal });
  const { id } = portAt(0).sent[0];
  controller.abort();
  assert.deepEqual(portAt(0).sent[1], { abort: id });
  portAt(0).answer({ id, error: wire("AbortError") });
  await assert.rejects(drawing, { name: "AbortError" });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(portAt(0).terminated, false);
  void generator.check();
  assert.equal(ports.length, 1);
});

test("a worker that does not answer an abort is ended, and the next request starts another", async () => {
  const controller = new AbortController();
  const drawing = generator.generate(request, null, null, { signal: controller.signal });
  const bystander = generator.check();
  controller.abort();
  await assert.rejects(drawing, { name: "AbortError" });
  await assert.rejects(bystander, { name: "WorkerEnded" });
  assert.equal(portAt(0).terminated, true);

  const again = generator.check();
  portAt(1).answer({ id: portAt(1).sent[0].id, result: [] });
  assert.deepEqual(await again, []);
});

test("slow steps give the worker more time to answer an abort", async () => {
  const controller = new AbortController();
  const drawing = generator.generate(request, null, null, { signal: controller.signal });
  const { id } = portAt(0).sent[0];
  await new Promise((resolve) => setTimeout(resolve, 60));
  portAt(0).answer({ id, event: { type: "step", stage: "base", step: 1, steps: 9 } });
  controller.abort();
  await new Promise((resolve) => setTimeout(resolve, 90));
  assert.equal(portAt(0).terminated, false);
  portAt(0).answer({ id, error: wire("AbortError") });
  await assert.rejects(drawing, { name: "AbortError" });
});

test("a request with an aborted signal never reaches the worker", async () => {
  await assert.rejects(generator.generate(request, null, null, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(ports.length, 0);
});

test("an abort after the answer says nothing to the worker", async () => {
  const controller = new AbortController();
  const drawing = generator.generate(request, null, null, { signal: controller.signal });
  portAt(0).answer({ id: portAt(0).sent[0].id, result: "picture" });
  await drawing;
  controller.abort();
  assert.equal(portAt(0).sent.length, 1);
});

test("a fatal message rejects every request and ends the worker", async () => {
  const drawing = generator.generate(request, null, null);
  const checking = generator.check();
  portAt(0).answer({ fatal: wire("Panic") });
  await assert.rejects(drawing, { name: "Panic", message: "Panic happened" });
  await assert.rejects(checking, { name: "Panic" });
  assert.equal(portAt(0).terminated, true);
  void generator.check().catch(() => {});
  assert.equal(ports.length, 2);
});

test("a worker whose program does not load rejects what waits for it", async () => {
  const checking = generator.check();
  portAt(0).fail("");
  await assert.rejects(checking, { name: "WorkerFailed", message: /did not load/ });
});

test("the late words of an ended worker harm no later one", async () => {
  const first = generator.check();
  portAt(0).answer({ fatal: wire("Panic") });
  await assert.rejects(first);
  const second = generator.check();
  portAt(0).fail("late");
  portAt(0).answer({ fatal: wire("Panic") });
  portAt(1).answer({ id: portAt(1).sent[0].id, result: [] });
  assert.deepEqual(await second, []);
});
