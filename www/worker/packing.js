// @ts-check
/** From what the user chose to what the engine packs: places become folders of files, configs and vocabulary come with the page. */

import { CodedError } from "../protocol.js";
import { locate } from "./address.js";
import { Importer, follow } from "./importer.js";
import { LocalFiles } from "./local-files.js";
import { ModelSource } from "./model-source.js";
import { RemoteFiles } from "./remote-files.js";
import { untar } from "./tar.js";

/**
 * @typedef {import("../protocol.js").ImportRequest} ImportRequest
 * @typedef {import("../protocol.js").ImportSource} ImportSource
 * @typedef {import("../protocol.js").ProgressEvent} ProgressEvent
 * @typedef {import("./importer.js").Files} Files
 * @typedef {{ files: Files, file: string | null }} Location
 */

/** Configs as published, for single files, which have none. */
const CONFIGS = new URL("../models/sdxl/", import.meta.url);

/** A refiner's text encoder and autoencoder are the base's. */
const COMPONENTS = { base: null, refiner: ["scheduler", "unet"] };

/**
 * @param {ImportRequest} request
 * @param {object} parts
 * @param {import("./engine-module.js").PackingClass} parts.Packing
 * @param {import("./importer.js").Store} parts.store
 * @param {import("./http.js").Fetch} parts.fetch
 * @param {Pick<import("./model-source.js").ModelSource, "readFile">} parts.demo  which has CLIP's vocabulary
 * @param {() => Promise<number | null>} parts.freeBytes
 * @param {(event: ProgressEvent) => void} parts.onEvent
 * @param {AbortSignal} parts.signal
 */
export async function importModel({ model, kind, name, scheme, from, vae, token }, { Packing, store, fetch, demo, freeBytes, onEvent, signal }) {
  const stop = follow(signal);
  const locationOf = (/** @type {ImportSource} */ source) => {
    // A token is for the checkpoint's server: no other one gets it.
    const isTrusted = "address" in from && "address" in source && originOf(source.address) === originOf(from.address);
    return locationIn(source, { fetch, token: isTrusted ? token : null, signal: stop.signal });
  };
  const published = new RemoteFiles(new URL(`${kind}/`, CONFIGS).href, { fetch, signal: stop.signal });
  const checkpoint = locationOf(from);
  let packing = null;
  try {
    packing = await Packing.create(
      { kind, name, scheme, components: COMPONENTS[kind] },
      {
        checkpoint,
        configs: checkpoint.file === null ? new FirstOf(checkpoint.files, published) : published,
        tokenizer: new Vocabulary(demo, stop.signal),
        vae: vae && locationOf(vae),
      },
    );
    await new Importer(packing, model, { store, freeBytes, onEvent, stop }).run();
  } finally {
    packing?.free();
  }
}

/**
 * @param {ImportSource} source
 * @param {{ fetch: import("./http.js").Fetch, token: string | null, signal: AbortSignal }} options
 * @returns {Location}
 */
export function locationIn(source, { fetch, token, signal }) {
  if ("address" in source) {
    const { folder, file } = locate(source.address);
    return { files: new RemoteFiles(folder, { fetch, token, signal }), file };
  }
  const files = new Map(source.files.map(({ path, file }) => [path, file]));
  const [only, ...others] = files.keys();
  if (only === undefined) throw new CodedError("BadAddress", "No file was chosen.", { field: "files" });
  return { files: new LocalFiles(files), file: others.length === 0 ? only : null };
}

/** @param {string} address */
function originOf(address) {
  return new URL(locate(address).folder).origin;
}

/** The demo's vocabulary as a folder of files. */
class Vocabulary {
  #demo;
  #signal;

  /**
   * @param {Pick<import("./model-source.js").ModelSource, "readFile">} demo
   * @param {AbortSignal} signal
   */
  constructor(demo, signal) {
    this.#demo = demo;
    this.#signal = signal;
  }

  /** @param {string} path */
  name(path) {
    return path;
  }

  /** @param {string} path */
  async readWhole(path) {
    return this.#demo.readFile("base", "tokenizer", path, this.#signal);
  }
}

/** Small files of the first folder that has them. */
class FirstOf {
  #folders;

  /** @param {...Files} folders */
  constructor(...folders) {
    this.#folders = folders;
  }

  /** @param {string} path */
  name(path) {
    return this.#folders[0]?.name(path) ?? path;
  }

  /** @param {string} path */
  async readWhole(path) {
    for (const folder of this.#folders) {
      const bytes = await folder.readWhole(path);
      if (bytes) return bytes;
    }
    return null;
  }
}

/**
 * The folder of a packed model, if that is what an address leads to; whatever else is wrong with it, packing will say.
 * @param {string} address
 * @param {{ store: import("./model-source.js").Store, fetch: import("./http.js").Fetch, signal: AbortSignal }} parts
 * @returns {Promise<string | null>}
 */
export async function packedAt(address, { store, fetch, signal }) {
  const { folder, file } = locate(address.trim().replace(/(base\/)?manifest\.json$/, ""));
  if (file) return null;
  const found = new ModelSource(folder, { store, fetch, pauses: [] }).manifests(signal);
  return found.then(() => folder, () => null);
}

/**
 * A packed model's files, in the place of a network.
 * @param {string} model  the address that they are asked for below
 * @param {{ path: string, file: File }[]} chosen  a folder's, or one archive
 * @returns {Promise<import("./http.js").Fetch>}
 */
export async function packedFiles(model, chosen) {
  const [only] = chosen;
  const isArchive = chosen.length === 1 && only?.path.endsWith(".tar");
  /** @type {Map<string, Blob>} */
  const files = isArchive && only ? await untar(only.file) : new Map(chosen.map(({ path, file }) => [path, file]));
  const prefix = `${model.replace(/\/?$/, "/")}`;
  return async (url) => {
    const path = url.slice(prefix.length);
    // A folder that is a half of a model is taken for the base.
    const file = files.get(path) ?? (path.startsWith("base/") ? files.get(path.slice("base/".length)) : undefined);
    return file ? new Response(file) : new Response(null, { status: 404 });
  };
}
