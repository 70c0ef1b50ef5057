// @ts-check
/** What is known about the GPU, the engine and the store, for a report. */

import { settled } from "../settled.js";
import { knownTuning, requestAdapter } from "./engine.js";

/**
 * @param {import("./shard-store.js").ShardStore} store
 * @returns {Promise<Record<string, unknown>>}
 */
export async function diagnose(store) {
  // What cannot be found out is part of the answer.
  return settled({ gpu: describeGpu(), tuning: knownTuning(store), storage: describeStorage() });
}

async function describeGpu() {
  const adapter = await requestAdapter();
  if (!adapter) return null;
  const { vendor, architecture, device, description } = adapter.info;
  return { vendor, architecture, device, description, features: [...adapter.features].sort(), limits: limitsOf(adapter.limits) };
}

async function describeStorage() {
  const { quota, usage } = await navigator.storage.estimate();
  return { quota, usage, persisted: await navigator.storage.persisted() };
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
