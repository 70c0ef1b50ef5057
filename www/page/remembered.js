// @ts-check
/** What is kept from visit to visit, or while the tab is there, where the browser keeps anything. */

/** For as long as the tab is there. Even to ask for it may be refused. */
export const ofTab = () => sessionStorage;

const ofBrowser = () => localStorage;

/**
 * @param {string} key
 * @param {() => Storage} [storage]
 * @returns {string | null}
 */
export function recall(key, storage = ofBrowser) {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} text
 * @param {() => Storage} [storage]
 * @returns {boolean} whether it is kept
 */
export function remember(key, text, storage = ofBrowser) {
  try {
    storage().setItem(key, text);
    return true;
  } catch {
    return false;
  }
}
