// @ts-check
/** The pictures on this device, and what can be done with one of them. */

import { CompareView } from "./compare-view.js";
import { part } from "./element.js";
import { GalleryView } from "./gallery-view.js";
import { fileName } from "./image-view.js";
import { decodePicture, pixelsIn } from "./picture-source.js";
import { rollSeed } from "./request.js";
import { saveFile } from "./save-file.js";
import { say } from "./text.js";

/**
 * @typedef {import("./picture-store.js").PictureRecord} PictureRecord
 * @typedef {import("./gallery-view.js").Deed} Deed
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {import("../protocol.js").DrawRequest} DrawRequest
 */

/** The refiner's share of a finished picture, and the schedule that it is a share of. */
const REFINED = { strength: 0.3, leastSteps: 10 };

export class Pictures {
  #store;
  #gallery;
  #compare;
  #on;

  /**
   * @param {import("./picture-store.js").PictureStore} store
   * @param {object} on
   * @param {(settings: Settings, model: string) => void} on.use  puts them into the form; that model drew with them
   * @param {(request: DrawRequest, start: Blob | null) => void} on.draw
   * @param {(png: Blob, record: PictureRecord, paints: boolean) => void} on.start  a request is to start from it
   * @param {(request: DrawRequest, id: number) => void} on.added  a picture of this request is stored
   * @param {(records: PictureRecord[]) => void} on.listed         all there are
   * @param {(work: () => Promise<unknown>) => Promise<unknown>} on.attempt  runs it, and tells what goes wrong
   */
  constructor(store, on) {
    this.#store = store;
    this.#on = on;
    this.#compare = new CompareView(part(document, "#compare", HTMLDialogElement));
    this.#gallery = new GalleryView(part(document, "#gallery", HTMLElement), { onDeed: (deed, of) => on.attempt(async () => this.#do(deed, of)) });
  }

  async refresh() {
    const records = await this.#store.list();
    this.#gallery.show(records);
    this.#on.listed(records);
  }

  /** To what this model can do with them. @param {import("../protocol.js").ModelFacts} facts */
  configure({ refiner }) {
    this.#gallery.disable(refiner ? [] : ["refine"]);
  }

  /** @param {Omit<PictureRecord, "id" | "thumbnail">} picture */
  async add(picture) {
    this.#on.added(picture.request, await this.#store.add(picture));
    // It is stored, whether it can be listed now or later.
    await this.refresh().catch(() => {});
  }

  /** Large, with what can be done with it. @param {number} id */
  open(id) {
    this.#gallery.open(id);
  }

  /**
   * @param {Deed} deed
   * @param {PictureRecord | PictureRecord[]} of
   */
  async #do(deed, of) {
    const records = [of].flat();
    const [first, second] = records;
    if (!first) return;
    const { request, png } = first;
    // The picture that this one may have started from is not kept.
    const drawn = { ...request };
    delete drawn.strength;
    delete drawn.skipBase;
    switch (deed) {
      case "use":
        return this.#on.use(request, first.model);
      case "vary":
        return this.#on.draw({ ...drawn, seed: rollSeed() }, null);
      case "refine":
        return this.#on.draw({ ...drawn, refiner: { strength: REFINED.strength, steps: Math.max(request.steps, REFINED.leastSteps) }, skipBase: true }, png);
      case "img2img":
      case "inpaint":
        return this.#on.start(png, first, deed === "inpaint");
      case "compare":
        return second && this.#compare.show({ blob: png, name: nameOf(first) }, { blob: second.png, name: nameOf(second) });
      case "save":
        return Array.isArray(of) ? saveFile(await (await import("./archive.js")).zipOf(records), "pictures.zip") : saveFile(png, fileName(request));
      case "remove":
        if (!confirm(say("removePictures", { count: records.length }))) return;
        await this.#store.remove(records.map(({ id }) => id));
        return this.refresh();
    }
  }
}

/** @param {PictureRecord} record */
function nameOf({ request, model }) {
  return `${request.prompt} · ${request.seed} · ${model}`;
}

/**
 * Pixels of a picture, as a request starts from them.
 * @param {Blob} png
 */
export async function pixelsOf(png) {
  return { image: pixelsIn(await decodePicture(png)), mask: null };
}
