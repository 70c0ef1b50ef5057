// @ts-check
/** What the engine needs of a browser and its GPU: one check and the key of one sentence for each. */

/** @typedef {import("./protocol.js").Finding} Finding */
/** @typedef {import("./text/en.js").Key} Key */

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
 * @returns {Promise<Finding[]>}
 */
export async function checkSupport(surroundings) {
  return [...(await checkGpu(surroundings)), ...(await checkStorage(surroundings))];
}

/**
 * @param {Surroundings} surroundings
 * @returns {Promise<Finding[]>}
 */
async function checkGpu({ isSecureContext, navigator }) {
  if (!isSecureContext) {
    return [failed("InsecureContext", "checkInsecureContext")];
  }
  if (!navigator.gpu) {
    return [failed("NoWebGPU", "checkNoWebGpu")];
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) {
    return [passed("NoWebGPU", "checkWebGpu"), failed("NoAdapter", "checkNoAdapter")];
  }
  const name = adapterName(adapter.info);
  const software = adapter.info?.isFallbackAdapter || /swiftshader|llvmpipe/i.test(name);
  return [
    passed("NoWebGPU", "checkWebGpu"),
    passed("NoAdapter", software ? "checkSoftware" : "checkAdapter", { name }),
    ...checkLimits(adapter.limits),
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
 * Each limit that is too small, or that none is.
 * @param {Pick<GPUSupportedLimits, keyof typeof NEEDED_LIMITS>} limits
 * @returns {Finding[]}
 */
export function checkLimits(limits) {
  const short = Object.entries(NEEDED_LIMITS)
    .map(([limit, needed]) => ({ limit, needed, offered: limits[/** @type {keyof typeof NEEDED_LIMITS} */ (limit)] }))
    .filter(({ needed, offered }) => !(offered >= needed));
  if (short.length > 0) return short.map((values) => failed("LimitsTooSmall", "checkLimitTooSmall", values));
  return [passed("LimitsTooSmall", "checkLimits", { mebibytes: Math.floor(limits.maxBufferSize / MIB) })];
}

/**
 * @param {Surroundings} surroundings
 * @returns {Promise<Finding[]>}
 */
async function checkStorage({ navigator, indexedDB, DecompressionStream }) {
  const checks = [indexedDB ? passed("NoStorage", "checkStorage") : failed("NoStorage", "checkNoStorage")];
  if (!DecompressionStream) checks.push(failed("NoGunzip", "checkNoGunzip"));
  const { quota = 0, usage = 0 } = (await navigator.storage?.estimate().catch(() => null)) ?? {};
  if (quota > 0) checks.push(passed("Quota", "checkQuota", { free: megabytes(quota - usage) }));
  return checks;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  if (bytes < 1e5) return `${Math.ceil(bytes / 1e3)} kB`;
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return `${(bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0)} MB`;
}

/**
 * @param {string} code
 * @param {Key} says
 * @param {Finding["values"]} [values]
 * @returns {Finding}
 */
function passed(code, says, values = {}) {
  return { code, ok: true, says, values };
}

/**
 * @param {string} code
 * @param {Key} says
 * @param {Finding["values"]} [values]
 * @returns {Finding}
 */
function failed(code, says, values = {}) {
  return { code, ok: false, says, values };
}
