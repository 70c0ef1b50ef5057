/** What the database of pictures holds; see picture-store.js. */

import type { DBSchema } from "../vendor/idb.js";
import type { PictureRecord, Unfinished } from "./picture-store.js";

export interface Schema extends DBSchema {
  pictures: { key: number; value: Omit<PictureRecord, "id"> & { id?: number } };
  unfinished: { key: number; value: Omit<Unfinished, "id"> & { id?: number } };
}
