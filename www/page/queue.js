// @ts-check
/** Pictures that were asked for and wait, one drawn at a time. */

/**
 * @template T
 * @typedef {object} State
 * @property {{ id: number, item: T }[]} waiting
 * @property {T | null} current  that is worked on
 * @property {boolean} paused    one failed, and those that wait are not worked on before somebody says so
 */

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
  #paused = false;
  /** Ahead of those that wait. @type {T | null} */
  #first = null;
  /** @type {T | null} */
  #current = null;

  /**
   * @param {(item: T) => Promise<boolean>} work  false where it failed
   * @param {(state: State<T>) => void} onChange
   */
  constructor(work, onChange) {
    this.#work = work;
    this.#onChange = onChange;
  }

  /** Whether something is worked on or waits. */
  get isEmpty() {
    return !this.#running && this.#waiting.length === 0;
  }

  /** @param {T[]} items */
  add(...items) {
    this.#waiting.push(...items.map((item) => ({ id: this.#next++, item })));
    this.resume();
  }

  /** Once more, ahead of those that wait. @param {T} item */
  again(item) {
    this.#first = item;
    this.resume();
  }

  resume() {
    this.#paused = false;
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
    for (let next = this.#take(); next !== null; next = this.#take()) {
      if (!(await this.#work(next))) this.#paused = true;
    }
    this.#running = false;
  }

  #take() {
    if (this.#paused) this.#current = null;
    else this.#current = this.#first ?? this.#waiting.shift()?.item ?? null;
    this.#first = null;
    this.#changed();
    return this.#current;
  }

  #changed() {
    this.#onChange({ waiting: [...this.#waiting], current: this.#current, paused: this.#paused });
  }
}
