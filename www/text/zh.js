// @ts-check
/** 页面上的全部文字。 */

/** @type {Record<import("./en.js").Key, string>} */
export const zh = {
};
