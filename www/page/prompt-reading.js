// @ts-check
/** How the encoders read what is typed: how many tokens it has, what weighs more, and where a chunk of 77 ends. */

import { say } from "./text.js";

/** @typedef {import("../protocol.js").Reading} Reading */

/** Typing is not waited for by the tokenizer. */
const PAUSE_MS = 250;

export class PromptReading {
  #text;
  #container;
  #read;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asked = 0;

  /**
   * @param {HTMLTextAreaElement} field
   * @param {HTMLElement} container
   * @param {object} on
   * @param {() => string} on.text  what is drawn of what is in the field
   * @param {(prompt: string) => Promise<Reading | null>} on.read  null where it cannot be told yet
   */
  constructor(field, container, { text, read }) {
    this.#text = text;
    this.#container = container;
    this.#read = read;
    field.addEventListener("input", () => this.update());
  }

  update() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  async #ask() {
    const mine = ++this.#asked;
    const prompt = this.#text().trim();
    const reading = prompt ? await this.#read(prompt).catch(() => null) : null;
    if (mine === this.#asked) this.#show(reading);
  }

  /** @param {Reading | null} reading */
  #show(reading) {
    this.#container.hidden = !reading;
    if (!reading) return;
    const { tokens, room, pieces } = reading;
    const chunks = Math.max(1, ...pieces.map(({ chunk }) => (chunk ?? 0) + 1));
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = say(chunks > 1 ? "tokensInChunks" : "tokens", { tokens, room, chunks });
    // Plain text in one chunk is read as it is seen above.
    const shown = pieces.some(({ weight, chunk }) => weight !== 1 || chunk !== 0) ? pieces : [];
    let last = 0;
    const spans = shown.flatMap(({ text, weight, chunk }) => {
      const span = document.createElement("span");
      span.textContent = text;
      if (chunk === null) span.className = "cut";
      else if (weight !== 1) {
        span.className = weight > 1 ? "more" : "less";
        span.dataset.weight = String(Number(weight.toFixed(2)));
      }
      const mark = document.createElement("span");
      mark.className = "mark";
      mark.title = mark.ariaLabel = say("chunkEnds", { room });
      const crossed = (chunk ?? last + 1) !== last;
      last = chunk ?? last;
      return crossed ? [mark, span] : [span];
    });
    this.#container.replaceChildren(count, ...spans);
  }
}
