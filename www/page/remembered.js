// @ts-check
/** Choices that are kept from visit to visit, where the browser keeps anything. */

/** @param {string} key @returns {string | null} */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} choice
 * @returns {boolean} whether it is kept
 */
export function remember(key, choice) {
  try {
    localStorage.setItem(key, choice);
    return true;
  } catch {
    return false;
  }
}
