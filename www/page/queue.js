// @ts-check
/** Pictures that were asked for and wait, one drawn at a time. */

/**
 * @template T
 */
export class Queue {
  #work;
  #onChange;
  /** @type {{ id: number, item: T }[]} */
  #waiting = [];
  #next = 1;
  #running = false;
  /** @type {T | null} */
  #current = null;

  /**
   * @param {(item: T) => Promise<boolean>} work  false where those that wait are not to follow
   * @param {(waiting: { id: number, item: T }[], current: T | null) => void} onChange  the current one is worked on
   */
  constructor(work, onChange) {
    this.#work = work;
    this.#onChange = onChange;
  }

  /** @param {T[]} items */
  add(...items) {
    this.#waiting.push(...items.map((item) => ({ id: this.#next++, item })));
    this.#changed();
    void this.#run();
  }

  /** @param {number} id */
  remove(id) {
    this.#waiting = this.#waiting.filter((each) => each.id !== id);
    this.#changed();
  }

  clear() {
    this.#waiting = [];
    this.#changed();
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#take(); next; next = this.#take()) {
      if (!(await this.#work(next.item))) this.clear();
    }
    this.#running = false;
  }

  #take() {
    const next = this.#waiting.shift();
    this.#current = next?.item ?? null;
    this.#changed();
    return next;
  }

  #changed() {
    this.#onChange([...this.#waiting], this.#current);
  }
}
