// @ts-check
/** What the engine needs of a browser and its GPU: one check and one sentence for each. */

/** @typedef {import("./protocol.js").Check} Check */

const MIB = 1024 * 1024;

/** The least a GPU must offer: the WebGPU baseline, which our kernels keep to. */
const NEEDED_LIMITS = /** @type {const} */ ({
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16 * 1024,
  maxStorageBufferBindingSize: 128 * MIB,
  maxBufferSize: 256 * MIB,
  maxStorageBuffersPerShaderStage: 8,
});

/**
 * @typedef {object} Surroundings  the parts of `self` that are looked at, so that tests can give others
 * @property {boolean} isSecureContext
 * @property {{ gpu?: Pick<GPU, "requestAdapter">, storage?: Pick<StorageManager, "estimate"> }} navigator
 * @property {unknown} [indexedDB]
 * @property {unknown} [DecompressionStream]
 */

/**
 * Every check, the failed ones included; the first failed one is the one to show.
 * @param {Surroundings} surroundings
 * @returns {Promise<Check[]>}
 */
export async function checkSupport(surroundings) {
  return [...(await checkGpu(surroundings)), ...(await checkStorage(surroundings))];
}

/**
 * @param {Surroundings} surroundings
 * @returns {Promise<Check[]>}
 */
async function checkGpu({ isSecureContext, navigator }) {
  if (!isSecureContext) {
    return [failed("InsecureContext", "Browsers offer WebGPU only to pages from https:// or from localhost; this page came another way.")];
  }
  if (!navigator.gpu) {
    return [failed("NoWebGPU", "This browser has no WebGPU.")];
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) {
    return [passed("NoWebGPU", "This browser has WebGPU."), failed("NoAdapter", "The browser has WebGPU but offers no GPU to use with it.")];
  }
  const name = adapterName(adapter.info);
  const software = adapter.info?.isFallbackAdapter || /swiftshader|llvmpipe/i.test(name);
  return [
    passed("NoWebGPU", "This browser has WebGPU."),
    passed("NoAdapter", software ? `No graphics card: the processor does its work (${name}), so drawing is slow.` : `GPU: ${name}.`),
    checkLimits(adapter.limits),
  ];
}

/**
 * Browsers tell as much of a GPU's name as they like, or nothing.
 * @param {Partial<GPUAdapterInfo> | undefined} info
 */
export function adapterName({ description = "", vendor = "", architecture = "" } = {}) {
  return description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed GPU";
}

/**
 * @param {Pick<GPUSupportedLimits, keyof typeof NEEDED_LIMITS>} limits
 * @returns {Check}
 */
export function checkLimits(limits) {
  const short = Object.entries(NEEDED_LIMITS).filter(([name, least]) => !(limits[/** @type {keyof typeof NEEDED_LIMITS} */ (name)] >= least));
  if (short.length === 0) {
    return passed("LimitsTooSmall", `The GPU takes buffers of ${Math.floor(limits.maxBufferSize / MIB)} MiB, which is enough.`);
  }
  const list = short.map(([name, least]) => `${name} is ${limits[/** @type {keyof typeof NEEDED_LIMITS} */ (name)]}, needed is ${least}`);
  return failed("LimitsTooSmall", `This GPU offers too little: ${list.join("; ")}.`);
}

/**
 * @param {Surroundings} surroundings
 * @returns {Promise<Check[]>}
 */
async function checkStorage({ navigator, indexedDB, DecompressionStream }) {
  const checks = [];
  checks.push(
    indexedDB
      ? passed("NoStorage", "The model can be kept on this device.")
      : failed("NoStorage", "This browser does not let the page store anything (IndexedDB is missing)."),
  );
  if (!DecompressionStream) checks.push(failed("NoGunzip", "This browser cannot unpack gzip (DecompressionStream is missing)."));
  const { quota = 0, usage = 0 } = (await navigator.storage?.estimate().catch(() => null)) ?? {};
  if (quota > 0) checks.push(passed("Quota", `${megabytes(quota - usage)} of storage are free for this page.`));
  return checks;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return `${(bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0)} MB`;
}

/**
 * @param {string} code
 * @param {string} sentence
 * @returns {Check}
 */
function passed(code, sentence) {
  return { code, ok: true, sentence };
}

/**
 * @param {string} code
 * @param {string} sentence
 * @returns {Check}
 */
function failed(code, sentence) {
  return { code, ok: false, sentence };
}
