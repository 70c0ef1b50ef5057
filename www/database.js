// @ts-check
/** One IndexedDB database: its connection, transactions that settle when they are on the disk, and errors that have a code. */

import { openDB } from "./vendor/idb.js";
import { CodedError } from "./protocol.js";

/**
 * @template {import("./vendor/idb.js").DBSchema} S  what it holds
 */
export class Database {
  #name;
  #version;
  #upgrade;
  /** @type {Promise<import("./vendor/idb.js").IDBPDatabase<S>> | null} */
  #opening = null;

  /**
   * @param {string} name
   * @param {number} version
   * @param {(db: import("./vendor/idb.js").IDBPDatabase<S>, before: number) => void} upgrade  makes what `version` has and `before` had not
   */
  constructor(name, version, upgrade) {
    this.#name = name;
    this.#version = version;
    this.#upgrade = upgrade;
  }

  async close() {
    const opening = this.#opening;
    this.#opening = null;
    (await opening)?.close();
  }

  /**
   * @template T
   * @param {string} doing
   * @param {(db: import("./vendor/idb.js").IDBPDatabase<S>) => Promise<T>} run
   * @returns {Promise<T>}
   */
  async use(doing, run) {
    try {
      return await run(await this.#connection());
    } catch (error) {
      throw storeError(doing, error);
    }
  }

  /**
   * Settles with the transaction, not with the request: only a complete transaction is on the disk, and quota shows as an abort.
   * @template T
   * @template {import("./vendor/idb.js").StoreNames<S>[]} Names
   * @param {string} doing
   * @param {[...Names]} names
   * @param {(...stores: import("./database-stores.js").Stores<S, Names>) => Promise<T>} run
   * @returns {Promise<T>}
   */
  async write(doing, names, run) {
    return this.use(doing, async (db) => {
      const transaction = db.transaction(names, "readwrite");
      const stores = /** @type {import("./database-stores.js").Stores<S, Names>} */ (/** @type {unknown} */ (names.map((name) => transaction.objectStore(name))));
      const [request, done] = await Promise.allSettled([run(...stores), transaction.done]);
      // The transaction knows the reason (quota); the request only that it was aborted with it.
      if (done.status === "rejected") throw done.reason;
      if (request.status === "rejected") throw request.reason;
      return request.value;
    });
  }

  /** One connection for all calls; a failed or broken one is not kept, so that the next call tries again. */
  #connection() {
    const forget = () => {
      this.#opening = null;
    };
    /** @type {import("./vendor/idb.js").OpenDBCallbacks<S>} */
    const callbacks = { upgrade: this.#upgrade, blocking: () => this.close(), terminated: forget };
    this.#opening ??= openDB(this.#name, this.#version, callbacks).catch((error) => {
      forget();
      throw error;
    });
    return this.#opening;
  }
}

/**
 * @param {string} doing
 * @param {unknown} cause
 */
function storeError(doing, cause) {
  const error = /** @type {Partial<Error> | undefined} */ (cause);
  if (error?.name === "QuotaExceededError") {
    return new CodedError("Quota", `The browser's storage is full (while ${doing}).`, {}, { cause });
  }
  // Never passed on as "AbortError": that name means that the user pressed cancel.
  const reason = error?.message || error?.name || String(error);
  return new CodedError("Storage", `The browser's storage failed while ${doing}: ${reason}`, {}, { cause });
}
