// @ts-check

import { CodedError } from "../protocol.js";

/**
 * One tab at a time may change a model.
 * @template T
 * @param {string} model
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 */
export async function exclusively(model, run) {
  return navigator.locks.request(`sdxl-web ${model}`, { ifAvailable: true }, async (lock) => {
    if (!lock) throw new CodedError("OtherTab", "Another tab of this browser is loading or removing this model.");
    return run();
  });
}
