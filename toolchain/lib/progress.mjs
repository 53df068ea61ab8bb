// @ts-check

/**
 * @typedef {object} StepRecord
 * @property {string} step
 * @property {number} seconds
 * @property {string} how what was done, in a few words
 * @property {boolean} changed false when all was in place already
 */

/** Prints the steps of a set-up as they end, one line each, and keeps their times. */
export class Progress {
  /** @type {StepRecord[]} */
  records = [];

  /**
   * @param {{ write: (line: string) => void, quiet: boolean }} options quiet: print only the steps that did
   *   something
   */
  constructor(options) {
    this.write = options.write;
    this.quiet = options.quiet;
  }

  /**
   * Says that something long has begun.
   * @param {string} step
   * @param {string} text
   */
  note(step, text) {
    this.write(`  ${step.padEnd(12)} ${text} ...\n`);
  }

  /**
   * Runs one step and prints its line.
   * @template T
   * @param {string} step
   * @param {() => Promise<{ how: string, changed: boolean, value: T }>} work
   * @returns {Promise<T>}
   */
  async step(step, work) {
    const begin = performance.now();
    const { how, changed, value } = await work();
    const seconds = (performance.now() - begin) / 1000;
    this.records.push({ step, seconds: Number(seconds.toFixed(3)), how, changed });
    if (changed || !this.quiet) this.write(`  ${step.padEnd(12)} ${how} (${seconds.toFixed(1)} s)\n`);
    return value;
  }
}
