// @ts-check
/** Pictures as one zip. */

import { downloadZip } from "../vendor/client-zip.js";
import { fileName } from "./image-view.js";

/** @typedef {import("./picture-store.js").PictureRecord} PictureRecord */

/** Names sort as the pictures were drawn, up to this many digits. */
const DIGITS = 4;

/**
 * @param {PictureRecord[]} records
 * @returns {Promise<Blob>}
 */
export async function zipOf(records) {
  const files = records.map((record) => ({ name: nameInArchive(record), lastModified: new Date(record.at), input: record.png }));
  return /** @type {Response} */ (downloadZip(files)).blob();
}

/** The id makes it the only one of this name. @param {PictureRecord} record */
function nameInArchive({ id, request }) {
  return `${String(id).padStart(DIGITS, "0")}-${fileName(request)}`;
}
