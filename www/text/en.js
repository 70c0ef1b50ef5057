// @ts-check
/** Everything that the page says, in English; `{name}` is filled in. Other languages have the same keys (tests/page/text.test.js). */

export const en = {
};

/** @typedef {keyof typeof en} Key */
