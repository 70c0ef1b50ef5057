/** Stores in a transaction that writes, in the order in which they were named. */

import type { DBSchema, IDBPObjectStore, StoreNames } from "./vendor/idb.js";

export type Stores<S extends DBSchema, Names extends StoreNames<S>[]> = {
  [I in keyof Names]: IDBPObjectStore<S, StoreNames<S>[], Names[I], "readwrite">;
};
