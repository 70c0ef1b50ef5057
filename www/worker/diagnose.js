// @ts-check
/** What is known about the GPU, the engine and the store, for a report. */

import { knownTuning, requestAdapter } from "./engine.js";

/**
 * @param {import("./shard-store.js").ShardStore} store
 * @returns {Promise<Record<string, unknown>>}
 */
export async function diagnose(store) {
  const adapter = await requestAdapter();
  const { vendor, architecture, device, description } = adapter?.info ?? {};
  const { quota = null, usage = null } = (await navigator.storage?.estimate().catch(() => null)) ?? {};
  return {
    gpu: adapter && { vendor, architecture, device, description, features: [...adapter.features].sort(), limits: limitsOf(adapter.limits) },
    tuning: await knownTuning(store),
    storage: { quota, usage, persisted: (await navigator.storage?.persisted().catch(() => null)) ?? null },
  };
}

/** They are getters of a prototype, which no clone takes along. @param {GPUSupportedLimits} limits */
function limitsOf(limits) {
  /** @type {Record<string, number>} */
  const all = {};
  for (const name in limits) {
    const value = limits[/** @type {keyof GPUSupportedLimits} */ (name)];
    if (typeof value === "number") all[name] = value;
  }
  return all;
}
