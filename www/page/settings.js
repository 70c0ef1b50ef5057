// @ts-check
/** The settings of a picture: the engine's request (src/request.rs) as JavaScript has it, and what of such a one, from outside, can be believed. */

/**
 * @typedef {[number, number]} Pair  height and width, or top and left
 * @typedef {"euler" | "euler_ancestral" | "dpmpp_2m" | "dpmpp_2m_sde" | "ddim" | "unipc" | "lcm"} Sampler
 * @typedef {"default" | "karras" | "exponential"} NoiseSchedule
 * @typedef {"leading" | "trailing" | "linspace"} Spacing
 * @typedef {{ sampler?: Sampler, noiseSchedule?: NoiseSchedule, timestepSpacing?: Spacing | null }} Sampling
 */

/**
 * What is left out is as the engine has it by default.
 * @typedef {object} Settings
 * @property {string} [prompt]
 * @property {string | null} [prompt2]
 * @property {string | null} [negativePrompt]
 * @property {"plain" | "weighted"} [promptSyntax]
 * @property {number} [clipSkip]
 * @property {number} [seed]
 * @property {number} [images]
 * @property {number} [steps]
 * @property {Sampling} [sampling]
 * @property {number} [guidanceScale]
 * @property {number} [guidanceRescale]
 * @property {number} [strength]
 * @property {number} [height]
 * @property {number} [width]
 * @property {{ switchAt: number } | { strength: number, steps?: number | null } | null} [refiner]
 * @property {boolean} [skipBase]
 * @property {{ name: string, weight: number }[]} [loras]
 * @property {Pair | null} [originalSize]
 * @property {Pair | null} [cropTopLeft]
 * @property {Pair | null} [targetSize]
 * @property {{ originalSize: Pair, cropTopLeft: Pair, targetSize: Pair } | null} [negativeSizes]
 * @property {number | null} [aestheticScore]
 * @property {number | null} [negativeAestheticScore]
 */

/**
 * Settings as they are read from a file, which may say more than we know of.
 * @typedef {{ request: Settings, model: string | null, unknown: string[] }} FoundSettings
 */

/**
 * The value, or undefined for what is none; parts of it that are none go to `wrong` by their path.
 * @typedef {(value: unknown, path: string, wrong: string[]) => unknown} Read
 */

const U32 = 2 ** 32 - 1;
const F32 = 3.4028234663852886e38;

/** As `Request::MAX_STEPS` and the others in src/request.rs. */
const MAX_STEPS = 1000;
const MAX_IMAGES = 16;
const MAX_SIDE = 4096;

/** @type {Read} */
const text = (value) => (typeof value === "string" ? value : undefined);

/** @type {Read} */
const flag = (value) => (typeof value === "boolean" ? value : undefined);

/** @param {number} least @param {number} most @returns {Read} */
const number = (least, most) => (value) => (isWithin(value, least, most) ? value : undefined);

/** @param {number} least @param {number} most @returns {Read} */
const integer = (least, most) => (value) => (Number.isInteger(value) && isWithin(value, least, most) ? value : undefined);

/** @type {Read} */
const between0and1 = (value) => (isWithin(value, 0, 1) && value !== 0 && value !== 1 ? value : undefined);

/** @type {Read} */
const pair = (value) => {
  const isPair = Array.isArray(value) && value.length === 2 && value.every((side) => Number.isInteger(side) && isWithin(side, 0, U32));
  return isPair ? value : undefined;
};

/** @param {string[]} names @returns {Read} */
const oneOf = (...names) => (value) => (names.some((name) => name === value) ? value : undefined);

/** @param {Read} read @returns {Read} */
const orNull = (read) => (value, path, wrong) => (value === null ? null : read(value, path, wrong));

/** What of a list's entries is sound. @param {Read} read @returns {Read} */
const list = (read) => (value, path, wrong) => {
  if (!Array.isArray(value)) return undefined;
  return value.map((entry, index) => kept(read, entry, `${path}[${index}]`, wrong)).filter((entry) => entry !== undefined);
};

/** What of an object's fields is known and sound. @param {Record<string, Read>} fields @returns {Read} */
const record = (fields) => (value, path, wrong) => {
  if (!isRecord(value)) return undefined;
  const entries = Object.entries(value).map(([key, inner]) => {
    const read = Object.hasOwn(fields, key) ? fields[key] : undefined;
    return [key, kept(read, inner, path ? `${path}.${key}` : key, wrong)];
  });
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
};

/** An object with all of these fields and no other, or nothing. @param {Record<string, Read>} fields @param {Record<string, Read>} [optional] @returns {Read} */
const whole = (fields, optional = {}) => (value, path) => {
  /** @type {string[]} */
  const wrong = [];
  const sound = record({ ...fields, ...optional })(value, path, wrong);
  return isRecord(sound) && wrong.length === 0 && Object.keys(fields).every((key) => key in sound) ? sound : undefined;
};

const sizes = { originalSize: pair, cropTopLeft: pair, targetSize: pair };
const score = number(-F32, F32);

/** @type {Record<keyof Settings, Read>} */
const FIELDS = {
  prompt: text,
  prompt2: orNull(text),
  negativePrompt: orNull(text),
  promptSyntax: oneOf("plain", "weighted"),
  clipSkip: integer(0, U32),
  seed: integer(0, Number.MAX_SAFE_INTEGER),
  images: integer(1, MAX_IMAGES),
  steps: integer(1, MAX_STEPS),
  sampling: record({
    sampler: oneOf("euler", "euler_ancestral", "dpmpp_2m", "dpmpp_2m_sde", "ddim", "unipc", "lcm"),
    noiseSchedule: oneOf("default", "karras", "exponential"),
    timestepSpacing: orNull(oneOf("leading", "trailing", "linspace")),
  }),
  guidanceScale: number(0, 100),
  guidanceRescale: number(0, 1),
  strength: number(0, 1),
  height: integer(1, MAX_SIDE),
  width: integer(1, MAX_SIDE),
  refiner: orNull((value, path, wrong) => {
    const sdEdit = whole({ strength: number(0, 1) }, { steps: orNull(integer(1, MAX_STEPS)) });
    return whole({ switchAt: between0and1 })(value, path, wrong) ?? sdEdit(value, path, wrong);
  }),
  skipBase: flag,
  loras: list(whole({ name: text, weight: number(-F32, F32) })),
  originalSize: orNull(pair),
  cropTopLeft: orNull(pair),
  targetSize: orNull(pair),
  negativeSizes: orNull(whole(sizes)),
  aestheticScore: orNull(score),
  negativeAestheticScore: orNull(score),
};

/**
 * What of outside data are settings; what is not is left out and named by its path.
 * @param {unknown} value
 * @returns {{ settings: Settings, wrong: string[] }}
 */
export function soundSettings(value) {
  /** @type {string[]} */
  const wrong = [];
  const settings = /** @type {Settings | undefined} */ (record(FIELDS)(value, "", wrong)) ?? {};
  return { settings, wrong };
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
export function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 * @returns {value is number}
 */
function isWithin(value, least, most) {
  return typeof value === "number" && value >= least && value <= most;
}

/**
 * @param {Read | undefined} read
 * @param {unknown} value
 * @param {string} path
 * @param {string[]} wrong
 */
function kept(read, value, path, wrong) {
  const sound = read?.(value, path, wrong);
  if (sound === undefined) wrong.push(path);
  return sound;
}
