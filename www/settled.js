// @ts-check
/**
 * What becomes of each promise by its name; of one that fails, why.
 * @param {Record<string, Promise<unknown>>} parts
 * @returns {Promise<Record<string, unknown>>}
 */
export async function settled(parts) {
  const found = Object.entries(parts).map(async ([name, part]) => [name, await part.catch((error) => String(error))]);
  return Object.fromEntries(await Promise.all(found));
}
