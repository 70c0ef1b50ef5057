// @ts-check
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { installWebGpuShim } from "../../www/worker/webgpu-shim.js";

/** @type {any} */
let classes;
/** What the true requestDevice was given. @type {any} */
let requested;
/** @type {any[]} */
let troubles;
/** @type {ReturnType<typeof installWebGpuShim>} */
let ledger;
/** @type {Set<string>} */
let trueFeatures;

beforeEach(() => {
  class GPUBuffer {
    constructor(/** @type {number} */ size) {
      this.size = size;
    }
    destroy() {}
  }
  class GPUDevice extends EventTarget {
    lost = new Promise((resolve) => {
      this.lose = resolve;
    });
    get features() {
      return new Set(["shader-f16"]);
    }
    createBuffer(/** @type {{ size: number }} */ { size }) {
      return new GPUBuffer(size);
    }
    destroy() {
      this.lose?.({ reason: "destroyed", message: "" });
    }
  }
  class GPUAdapter {
    get features() {
      return trueFeatures;
    }
    async requestDevice(/** @type {any} */ descriptor) {
      requested = descriptor;
      return new GPUDevice();
    }
  }
  classes = { GPUAdapter, GPUDevice, GPUBuffer };
  trueFeatures = new Set(["shader-f16"]);
  troubles = [];
  ledger = installWebGpuShim(classes, (error) => troubles.push(error));
});

/** @param {any} [descriptor] */
const newDevice = (descriptor) => new classes.GPUAdapter().requestDevice(descriptor);
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

test("an adapter without timestamp-query reports it, and is never asked for it", async () => {
  const adapter = new classes.GPUAdapter();
  assert.deepEqual([...adapter.features], ["shader-f16", "timestamp-query"]);
  const device = await adapter.requestDevice({ requiredFeatures: ["shader-f16", "timestamp-query"], requiredLimits: { maxBufferSize: 9 } });
  assert.deepEqual(requested, { requiredFeatures: ["shader-f16"], requiredLimits: { maxBufferSize: 9 } });
  assert.ok(device.features.has("timestamp-query"));
});

test("an adapter that has timestamp-query is asked for it", async () => {
  trueFeatures = new Set(["timestamp-query"]);
  await newDevice({ requiredFeatures: ["timestamp-query"] });
  assert.deepEqual(requested.requiredFeatures, ["timestamp-query"]);
});

test("a device can be asked for without a descriptor", async () => {
  await newDevice();
  assert.deepEqual(requested, { requiredFeatures: [] });
});

test("live bytes follow buffers made and destroyed, once each", async () => {
  const device = await newDevice();
  const first = device.createBuffer({ size: 100 });
  device.createBuffer({ size: 50 });
  assert.equal(ledger.live, 150);
  first.destroy();
  first.destroy();
  assert.equal(ledger.live, 50);
  assert.equal(ledger.peak, 150);
});

test("what the engine no longer holds is destroyed, and nothing else", async () => {
  const device = await newDevice();
  const [held, dropped] = [100, 50].map((size) => device.createBuffer({ size }));
  let destroyed = 0;
  held.destroy = dropped.destroy = function () {
    destroyed += this.size;
    classes.GPUBuffer.prototype.destroy.call(this);
  };
  const values = [undefined, held, "another value"];
  ledger.destroyAllBut({ length: values.length, get: (index) => values[index] });
  assert.equal(destroyed, 50);
  assert.equal(ledger.live, 100);
});

test("a destroyed device takes its buffers with it, not those of others, and is no trouble", async () => {
  const device = await newDevice();
  const other = await newDevice();
  const buffer = device.createBuffer({ size: 100 });
  other.createBuffer({ size: 7 });
  device.destroy();
  buffer.destroy();
  await settle();
  assert.equal(ledger.live, 7);
  assert.deepEqual(troubles, []);
});

test("a lost device is told with its reason", async () => {
  const device = await newDevice();
  device.createBuffer({ size: 100 });
  device.lose({ reason: "unknown", message: "the driver was reset" });
  await settle();
  assert.equal(troubles[0].name, "DeviceLost");
  assert.equal(troubles[0].message, "the driver was reset");
  assert.equal(ledger.live, 0);
});

test("errors that nobody caught are told, lack of memory apart", async () => {
  class GPUOutOfMemoryError extends Error {}
  class GPUValidationError extends Error {}
  const device = await newDevice();
  for (const error of [new GPUOutOfMemoryError("no room"), new GPUValidationError("bad binding")]) {
    device.dispatchEvent(Object.assign(new Event("uncapturederror"), { error }));
  }
  assert.deepEqual(troubles.map(({ name, message }) => `${name}: ${message}`), ["OutOfMemory: no room", "GpuError: bad binding"]);
});
