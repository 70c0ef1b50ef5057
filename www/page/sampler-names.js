// @ts-check
/** What A1111's web UI calls samplers and schedules, both ways. */

/** @typedef {import("./settings.js").Sampling} Sampling */
/** @typedef {import("./settings.js").Sampler} Sampler */
/** @typedef {Required<Pick<Sampling, "noiseSchedule" | "timestepSpacing">>} Schedule */

/** @type {Record<Sampler, string>} */
const SAMPLERS = {
  euler: "Euler",
  euler_ancestral: "Euler a",
  dpmpp_2m: "DPM++ 2M",
  dpmpp_2m_sde: "DPM++ 2M SDE",
  ddim: "DDIM",
  unipc: "UniPC",
  lcm: "LCM",
};

/** As other tools, that write A1111's text too, call them. @type {Record<string, Sampler>} */
const ALIASES = { "euler ancestral": "euler_ancestral", "uni pc": "unipc" };

/**
 * Its sigmas go over all timesteps of the training, whichever way they lie between: diffusers' "linspace". Of those with one meaning the
 * first is the one that is written.
 * @type {Record<string, Schedule>}
 */
const SCHEDULES = {
  Karras: { noiseSchedule: "karras", timestepSpacing: "linspace" },
  Exponential: { noiseSchedule: "exponential", timestepSpacing: "linspace" },
  Uniform: { noiseSchedule: "default", timestepSpacing: "linspace" },
  Normal: { noiseSchedule: "default", timestepSpacing: "linspace" },
  "SGM Uniform": { noiseSchedule: "default", timestepSpacing: "trailing" },
  Simple: { noiseSchedule: "default", timestepSpacing: "trailing" },
  DDIM: { noiseSchedule: "default", timestepSpacing: "leading" },
  "DDIM Uniform": { noiseSchedule: "default", timestepSpacing: "leading" },
};

const AUTOMATIC = "automatic";

/** Samplers that are given timesteps there, not sigmas. @type {readonly Sampler[]} */
const ON_TIMESTEPS = ["ddim", "unipc"];

/** As `has_noise_schedules` in src/sampling/options.rs. @type {readonly Sampler[]} */
export const WITHOUT_NOISE_SCHEDULES = ["euler_ancestral", "ddim", "lcm"];

const samplersByName = new Map(Object.entries(ALIASES));
for (const [sampler, name] of Object.entries(SAMPLERS)) samplersByName.set(plain(name), /** @type {Sampler} */ (sampler));
const schedulesByName = new Map(Object.entries(SCHEDULES).map(([name, schedule]) => [plain(name), schedule]));

/**
 * @param {string} samplerName  with the schedule behind it in files from before there was a "Schedule type"
 * @param {string | null} scheduleName
 * @returns {{ sampling: Sampling | null, known: boolean }}  null where there is no such sampler here; whether the schedule is one of it
 */
export function samplingOf(samplerName, scheduleName) {
  const [, name = "", suffix] = /^(.*?)(?: (karras|exponential))?$/.exec(plain(samplerName)) ?? [];
  const sampler = samplersByName.get(name);
  if (!sampler) return { sampling: null, known: false };
  const named = scheduleName && plain(scheduleName) !== AUTOMATIC ? plain(scheduleName) : suffix;
  const schedule = named === undefined ? undefined : schedulesByName.get(named);
  const fits = schedule && (schedule.noiseSchedule === "default" || !WITHOUT_NOISE_SCHEDULES.includes(sampler));
  if (fits) return { sampling: { sampler, ...schedule }, known: true };
  return { sampling: { sampler, noiseSchedule: "default", timestepSpacing: ON_TIMESTEPS.includes(sampler) ? "leading" : "linspace" }, known: named === undefined };
}

/**
 * @param {Sampling} sampling
 * @returns {{ sampler: string, schedule: string }}
 */
export function namesOf({ sampler = "euler", noiseSchedule = "default", timestepSpacing }) {
  // The model's own spacing has no name there; the plain schedule is nearest. A noise schedule's name leaves no room for a spacing.
  const spacing = (noiseSchedule === "default" && timestepSpacing) || "linspace";
  const entry = Object.entries(SCHEDULES).find(([, schedule]) => schedule.noiseSchedule === noiseSchedule && schedule.timestepSpacing === spacing);
  return { sampler: SAMPLERS[sampler], schedule: entry?.[0] ?? "Uniform" };
}

/** @param {string} name */
function plain(name) {
  return name.toLowerCase().replaceAll("dpmpp", "dpm++").split(/[\s_]+/).filter(Boolean).join(" ");
}
