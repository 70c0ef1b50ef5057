// @ts-check

/** The browser has begun to read it by then. */
const SAVING_MS = 60_000;

/**
 * Has the browser save a file.
 * @param {Blob} content
 * @param {string} name
 */
export function saveFile(content, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), SAVING_MS);
}
