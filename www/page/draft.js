// @ts-check
/** What was typed and may not have been drawn yet is there again when the tab is loaded anew. */

import { ofTab, recall, remember } from "./remembered.js";

/** @param {Iterable<HTMLTextAreaElement>} fields */
export function keepDraft(fields) {
  for (const field of fields) {
    const key = `sdxl-web draft ${field.name}`;
    field.value = recall(key, ofTab) ?? field.value;
    addEventListener("pagehide", () => remember(key, field.value, ofTab));
  }
}
