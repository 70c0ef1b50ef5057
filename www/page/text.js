// @ts-check
/** What the page says, in the reader's language. */

import { en } from "../text/en.js";
import { zh } from "../text/zh.js";
import { recall, remember } from "./remembered.js";

/** @typedef {import("../text/en.js").Key} Key */
/** @typedef {keyof typeof LANGUAGES} Language */

export const LANGUAGES = { en, zh };

/** Where the reader's choice is kept. */
const CHOICE = "sdxl-web language";

/** @type {Language} */
export const language = chosen(recall(CHOICE), globalThis.navigator?.languages ?? []);

/** What each language calls itself. @type {Record<Language, string>} */
const NAMES = { en: "English", zh: "中文" };

/** Another language takes effect when the page is loaded again. @param {HTMLSelectElement} select */
export function offerLanguages(select) {
  for (const [code, name] of Object.entries(NAMES)) select.append(Object.assign(document.createElement("option"), { value: code, textContent: name, lang: code }));
  select.value = language;
  select.addEventListener("change", () => {
    // Where nothing is remembered there is no choice.
    if (remember(CHOICE, select.value)) location.reload();
    else select.value = language;
  });
}

/**
 * The reader's choice, or else the first of the browser's languages that there is.
 * @param {string | null} choice
 * @param {readonly string[]} languages
 * @returns {Language}
 */
export function chosen(choice, languages) {
  const wanted = [choice ?? "", ...languages].map((tag) => tag.split("-", 1)[0] ?? "");
  return /** @type {Language | undefined} */ (wanted.find((tag) => Object.hasOwn(LANGUAGES, tag))) ?? "en";
}

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values]  for what stands between braces
 */
export function say(key, values = {}) {
  return fill(LANGUAGES[language][key], values);
}

/**
 * @param {string} template
 * @param {Record<string, string | number>} values
 */
export function fill(template, values) {
  return template.replaceAll(/\{(\w+)\}/g, (hole, name) => String(values[name] ?? hole));
}

/** Puts the reader's language into markup: `data-text` names what an element says, `data-text-ATTRIBUTE` what an attribute does. @param {ParentNode} root */
export function translate(root) {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("*"))) {
    for (const [name, key] of Object.entries(element.dataset)) {
      if (name === "text") element.textContent = say(/** @type {Key} */ (key));
      else if (name.startsWith("text")) element.setAttribute(name.slice("text".length).replaceAll(/[A-Z]/g, (letter, at) => (at ? "-" : "") + letter.toLowerCase()), say(/** @type {Key} */ (key)));
    }
  }
}
