// @ts-check
/** How a model's encoder reads prompts, told while they are typed. The vocabulary is read once for each model. */

/**
 * @typedef {import("./model-source.js").ModelSource} ModelSource
 * @typedef {import("../protocol.js").Reading} Reading
 * @typedef {{ read(prompt: string, syntax: "plain" | "weighted"): Reading }} PromptReader  the wasm module's
 * @typedef {new (vocab: Uint8Array, merges: Uint8Array, specialTokensMap: unknown, length: number) => PromptReader} PromptReaderClass
 */

export class PromptReaders {
  #load;
  /** @type {WeakMap<ModelSource, Promise<PromptReader>>} */
  #readers = new WeakMap();

  /** @param {() => Promise<{ PromptReader: PromptReaderClass }>} load  the wasm module */
  constructor(load) {
    this.#load = load;
  }

  /**
   * @param {ModelSource} source
   * @param {string} prompt
   * @param {"plain" | "weighted"} syntax
   * @returns {Promise<Reading | null>} null where the model is not on this device: nothing is loaded for its sake
   */
  async read(source, prompt, syntax) {
    let reader = this.#readers.get(source);
    if (!reader) {
      if ((await source.facts()).missing > 0) return null;
      reader = this.#readers.get(source) ?? this.#make(source);
      this.#readers.set(source, reader);
      reader.catch(() => this.#readers.delete(source));
    }
    return (await reader).read(prompt, syntax);
  }

  /** @param {ModelSource} source */
  async #make(source) {
    const { PromptReader } = await this.#load();
    const { components } = (await source.manifests()).base;
    const [vocab, merges] = await Promise.all(["vocab.json", "merges.txt"].map((file) => source.readFile("base", "tokenizer", file)));
    const { config } = /** @type {import("../protocol.js").Component} */ (components.tokenizer);
    const length = Number(components.text_encoder?.config.max_position_embeddings);
    return new PromptReader(/** @type {Uint8Array} */ (vocab), /** @type {Uint8Array} */ (merges), config.special_tokens_map, length);
  }
}
