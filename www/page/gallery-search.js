// @ts-check
/** Which pictures are meant by what was typed into the search field. */

/** @typedef {import("./picture-store.js").PictureRecord} PictureRecord */

/**
 * Those that have every word, in any order: as a part of prompt, negative prompt or the model's name, or as the seed's beginning.
 * @param {PictureRecord[]} records
 * @param {string} typed
 */
export function search(records, typed) {
  const words = plain(typed).split(/\s+/).filter(Boolean);
  if (words.length === 0) return records;
  return records.filter(({ request, model }) => {
    const text = plain([request.prompt, request.negativePrompt ?? "", model].join("\n"));
    return words.every((word) => text.includes(word) || String(request.seed).startsWith(word));
  });
}

/** Nobody types accents and capitals to find them. @param {string} text */
function plain(text) {
  return text.normalize("NFKD").replace(/\p{Mark}+/gu, "").toLowerCase();
}
