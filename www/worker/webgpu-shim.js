// @ts-check
/**
 * Three small changes to this worker's WebGPU, made before the engine starts:
 *
 * - cubecl-wgpu panics on wasm where the adapter lacks `timestamp-query`. Adapter and device report it, and it is taken out of the
 *   request for a device. Nothing of ours measures with it.
 * - The loss of a device and errors nobody caught are reported; the engine only logs them.
 * - Live buffers are known: their bytes are counted, and those that the engine has let go of can be destroyed.
 */

import { CodedError } from "../protocol.js";

const HIDDEN = "timestamp-query";

/** The GPU buffers that there are: made, and neither destroyed nor gone with their device. */
class BufferLedger {
  /** Bytes of them, now and at most. */
  live = 0;
  peak = 0;
  /** @type {Map<GPUBuffer, GPUDevice>} */
  #devices = new Map();

  /**
   * @param {GPUDevice} device
   * @param {GPUBuffer} buffer
   */
  opened(device, buffer) {
    this.#devices.set(buffer, device);
    this.live += buffer.size;
    this.peak = Math.max(this.peak, this.live);
  }

  /** @param {GPUBuffer} buffer */
  closed(buffer) {
    if (this.#devices.delete(buffer)) this.live -= buffer.size;
  }

  /** @param {GPUDevice} device */
  deviceGone(device) {
    for (const [buffer, owner] of this.#devices) {
      if (owner === device) this.closed(buffer);
    }
  }

  /**
   * Destroys every buffer that is not among `values`, the JavaScript values that the engine holds.
   * @param {Pick<WebAssembly.Table, "get" | "length">} values
   */
  destroyAllBut(values) {
    const held = new Set();
    for (let index = 0; index < values.length; index++) held.add(values.get(index));
    for (const buffer of this.#devices.keys()) {
      if (!held.has(buffer)) buffer.destroy();
    }
  }
}

/**
 * @typedef {object} GpuClasses  WebGPU's own, or a test's
 * @property {{ prototype: GPUAdapter }} GPUAdapter
 * @property {{ prototype: GPUDevice }} GPUDevice
 * @property {{ prototype: GPUBuffer }} GPUBuffer
 */

/**
 * @param {GpuClasses} classes
 * @param {(error: CodedError) => void} onTrouble
 * @returns {BufferLedger}
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
 * @param {GPUAdapter | GPUDevice} prototype
 * @returns {(this: GPUAdapter | GPUDevice) => ReadonlySet<string>} the true features
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
