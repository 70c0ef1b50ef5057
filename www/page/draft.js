// @ts-check
/** What was typed and may not have been drawn yet is there again when the tab is loaded anew. */

/** @param {Iterable<HTMLTextAreaElement>} fields */
export function keepDraft(fields) {
  for (const field of fields) {
    const key = `sdxl-web draft ${field.name}`;
    const typed = inSession((session) => session.getItem(key));
    if (typed) field.value = typed;
    addEventListener("pagehide", () => inSession((session) => session.setItem(key, field.value)));
  }
}

/**
 * Where the browser keeps nothing, nothing is kept.
 * @template T
 * @param {(session: Storage) => T} use
 * @returns {T | null}
 */
function inSession(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}
