// @ts-check
/**
 * Three small changes to this worker's WebGPU, made before the engine starts:
 *
 * - cubecl-wgpu panics on wasm where the adapter lacks `timestamp-query`. Adapter and device report it, and it is taken out of the
 *   request for a device. Nothing of ours measures with it.
 * - The loss of a device and errors nobody caught are reported; the engine only logs them.
 * - Live buffer bytes are counted, so that memory which is not given back between stages is seen.
 */

import { CodedError } from "../protocol.js";

const HIDDEN = "timestamp-query";

/** Bytes in GPU buffers: made, minus destroyed, collected, or gone with their device. */
class BufferLedger {
  live = 0;
  peak = 0;
  /** @type {WeakMap<GPUDevice, Set<{ bytes: number }>>} */
  #byDevice = new WeakMap();
  /** @type {WeakMap<GPUBuffer, () => void>} */
  #closers = new WeakMap();
  #collected = new FinalizationRegistry((/** @type {() => void} */ close) => close());

  /**
   * @param {GPUDevice} device
   * @param {GPUBuffer} buffer
   */
  opened(device, buffer) {
    const entries = this.#byDevice.get(device) ?? new Set();
    this.#byDevice.set(device, entries);
    const entry = { bytes: buffer.size };
    entries.add(entry);
    const close = () => {
      if (entries.delete(entry)) this.live -= entry.bytes;
    };
    this.live += entry.bytes;
    this.peak = Math.max(this.peak, this.live);
    this.#closers.set(buffer, close);
    this.#collected.register(buffer, close);
  }

  /** @param {GPUBuffer} buffer */
  closed(buffer) {
    this.#closers.get(buffer)?.();
  }

  /** @param {GPUDevice} device */
  deviceGone(device) {
    for (const entry of this.#byDevice.get(device) ?? []) this.live -= entry.bytes;
    this.#byDevice.get(device)?.clear();
  }
}

/**
 * @typedef {object} GpuClasses  WebGPU's own, or a test's
 * @property {{ prototype: any }} GPUAdapter
 * @property {{ prototype: any }} GPUDevice
 * @property {{ prototype: any }} GPUBuffer
 */

/**
 * @param {GpuClasses} classes
 * @param {(error: CodedError) => void} onTrouble
 * @returns {{ live: number, peak: number }} the buffer ledger
 */
export function installWebGpuShim({ GPUAdapter, GPUDevice, GPUBuffer }, onTrouble) {
  const ledger = new BufferLedger();
  const adapterFeatures = pretendFeature(GPUAdapter.prototype);
  pretendFeature(GPUDevice.prototype);

  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (/** @type {GPUDeviceDescriptor} */ descriptor = {}) {
    const required = [...(descriptor.requiredFeatures ?? [])].filter((name) => name !== HIDDEN || adapterFeatures.call(this).has(HIDDEN));
    const device = await requestDevice.call(this, { ...descriptor, requiredFeatures: required });
    watch(device, ledger, onTrouble);
    return device;
  };

  const { createBuffer, destroy: destroyDevice } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (/** @type {GPUBufferDescriptor} */ descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    ledger.opened(this, buffer);
    return buffer;
  };
  GPUDevice.prototype.destroy = function () {
    ledger.deviceGone(this);
    destroyDevice.call(this);
  };

  const { destroy: destroyBuffer } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    ledger.closed(this);
    destroyBuffer.call(this);
  };
  return ledger;
}

/**
 * @param {any} prototype
 * @returns {(this: any) => ReadonlySet<string>} the true features
 */
function pretendFeature(prototype) {
  const features = Object.getOwnPropertyDescriptor(prototype, "features")?.get;
  if (!features) throw new CodedError("NoWebGPU", "This browser's WebGPU has no list of features.");
  Object.defineProperty(prototype, "features", {
    configurable: true,
    enumerable: true,
    get() {
      return new Set([...features.call(this), HIDDEN]);
    },
  });
  return features;
}

/**
 * @param {GPUDevice} device
 * @param {BufferLedger} ledger
 * @param {(error: CodedError) => void} onTrouble
 */
function watch(device, ledger, onTrouble) {
  device.lost.then(({ reason, message }) => {
    ledger.deviceGone(device);
    // "destroyed" is our own doing.
    if (reason !== "destroyed") onTrouble(new CodedError("DeviceLost", message || "The GPU went away.", { reason }));
  });
  device.addEventListener("uncapturederror", ({ error }) => {
    const code = error.constructor.name === "GPUOutOfMemoryError" ? "OutOfMemory" : "GpuError";
    onTrouble(new CodedError(code, error.message));
  });
}
