// @ts-check
/** What a user writes for a model's place: a Hugging Face repository, a file of one, or any address. */

import { CodedError } from "../protocol.js";

/** @typedef {{ folder: string, file: string | null }} Place */

const HUGGING_FACE = "https://huggingface.co/";
const REPOSITORY = /^[\w.-]+\/[\w.-]+(\/.*)?$/;

/**
 * @param {string} text
 * @returns {Place}
 */
export function locate(text) {
  const trimmed = text.trim();
  const address = REPOSITORY.test(trimmed) ? HUGGING_FACE + trimmed : trimmed;
  let url;
  try {
    url = new URL(address);
  } catch {
    throw new CodedError("BadAddress", `"${trimmed}" is neither an address nor a repository's name.`, { field: "address" });
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new CodedError("BadAddress", `"${trimmed}" is no address of a web server.`, { field: "address" });
  }
  url.hash = "";
  const path = url.origin === new URL(HUGGING_FACE).origin ? served(url.pathname) : url.pathname;
  const cut = path.endsWith(".safetensors") ? path.lastIndexOf("/") + 1 : path.length;
  const folder = new URL(path.slice(0, cut), url.origin).href;
  const file = path.slice(cut);
  return { folder: folder.endsWith("/") ? folder : `${folder}/`, file: file ? decodeURIComponent(file) : null };
}

/**
 * Where Hugging Face serves what it shows at a path.
 * @param {string} path
 */
function served(path) {
  const [owner, name, view, ...rest] = path.split("/").filter(Boolean);
  if (view === "blob" || view === "tree" || view === "resolve") return `/${[owner, name, "resolve", ...rest].join("/")}`;
  return `/${[owner, name, "resolve/main", view, ...rest].filter(Boolean).join("/")}`;
}
