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

/**
 * A picture that is computed but not decoded.
 * @typedef {object} Unfinished
 * @property {number} id
 * @property {import("../protocol.js").Latents} latents
 * @property {import("../protocol.js").DrawRequest} request
 * @property {{ address: string, name: string }} model
 */

const DATABASE = "sdxl-web-pictures";
/** 1: pictures; 2: unfinished ones. */
const VERSION = 2;
const PICTURES = "pictures";
const UNFINISHED = "unfinished";

export class PictureStore {
  /** @type {Database<import("./picture-schema.js").Schema>} */
  #database;

  /** @param {string} [name] */
  constructor(name = DATABASE) {
    this.#database = new Database(name, VERSION, (db, before) => {
      for (const store of /** @type {const} */ ([PICTURES, UNFINISHED]).slice(before)) db.createObjectStore(store, { keyPath: "id", autoIncrement: true });
    });
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

  /**
   * @param {Omit<Unfinished, "id">} unfinished
   * @returns {Promise<number>} its id
   */
  async keep(unfinished) {
    return this.#database.write("keeping a picture's latents", [UNFINISHED], (store) => store.add(unfinished));
  }

  /** @returns {Promise<Unfinished[]>} */
  async unfinished() {
    return this.#database.use("listing unfinished pictures", async (db) => /** @type {Unfinished[]} */ (await db.getAll(UNFINISHED)));
  }

  /** @param {number} id */
  async isUnfinished(id) {
    return this.#database.use("looking for a picture's latents", async (db) => (await db.count(UNFINISHED, id)) > 0);
  }

  /** @param {number} id */
  async drop(id) {
    await this.#database.write("dropping a picture's latents", [UNFINISHED], (store) => store.delete(id));
  }

  async close() {
    await this.#database.close();
  }
}

/** What they take of the disk. @param {PictureRecord[]} records */
export function bytesOf(records) {
  return records.reduce((sum, { png, thumbnail }) => sum + png.size + thumbnail.size, 0);
}
