// @ts-check
/** Finds a part of a view's markup and says which one is missing, rather than failing later on null. */

/**
 * @template {Element} T
 * @param {ParentNode} container
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function part(container, selector, type) {
  const found = container.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} at ${selector}`);
  return found;
}
