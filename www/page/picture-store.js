// @ts-check
/** The pictures that were drawn on this device. They have a database of their own, so that trouble with them never costs a model. */

import { Database } from "../database.js";
import { thumbnailOf } from "./thumbnail.js";

/**
 * @typedef {object} PictureRecord
 * @property {number} id         counts up
 * @property {Blob} png
 * @property {Blob} thumbnail
 * @property {number} width
 * @property {number} height
 * @property {import("../protocol.js").DrawRequest} request
 * @property {string} model      its name, for people
 * @property {number} seconds    that drawing took
 * @property {number} at         when it was drawn, in milliseconds since 1970
 */

const DATABASE = "sdxl-web-pictures";
const VERSION = 1;
const PICTURES = "pictures";

export class PictureStore {
  /** @type {Database<import("./picture-schema.js").Schema>} */
  #database;

  /** @param {string} [name] */
  constructor(name = DATABASE) {
    this.#database = new Database(name, VERSION, (db) => void db.createObjectStore(PICTURES, { keyPath: "id", autoIncrement: true }));
  }

  /**
   * @param {Omit<PictureRecord, "id" | "thumbnail">} picture
   * @returns {Promise<number>} its id
   */
  async add(picture) {
    // Before the transaction, which ends by itself when nothing is asked of it for a while.
    const thumbnail = await thumbnailOf(picture.png);
    return this.#database.write("storing a picture", [PICTURES], (store) => store.add({ ...picture, thumbnail }));
  }

  /**
   * The newest first. A blob is a handle: no picture is read for this.
   * @returns {Promise<PictureRecord[]>}
   */
  async list() {
    return this.#database.use("listing the pictures", async (db) => /** @type {PictureRecord[]} */ (await db.getAll(PICTURES)).reverse());
  }

  /**
   * @param {number} id
   * @returns {Promise<PictureRecord | undefined>}
   */
  async get(id) {
    return this.#database.use("reading a picture", async (db) => /** @type {PictureRecord | undefined} */ (await db.get(PICTURES, id)));
  }

  /**
   * All of them or none.
   * @param {number[]} ids
   */
  async remove(ids) {
    await this.#database.write("removing pictures", [PICTURES], (store) => Promise.all(ids.map((id) => store.delete(id))));
  }

  /** @returns {Promise<number>} */
  async count() {
    return this.#database.use("counting the pictures", (db) => db.count(PICTURES));
  }

  async close() {
    await this.#database.close();
  }
}

/** What they take of the disk. @param {PictureRecord[]} records */
export function bytesOf(records) {
  return records.reduce((sum, { png, thumbnail }) => sum + png.size + thumbnail.size, 0);
}
