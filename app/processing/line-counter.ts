const NEWLINE = 0x0a;

/**
 * Says on which line of a file a byte lies, while the file is read in pieces. Keeps only the newlines behind the
 * position that is known to be passed, so its memory is bounded by the longest field.
 */
export class LineCounter {
  /** Newlines before the ones that are kept. */
  #passed = 0;
  readonly #kept: number[] = [];
  #bytesSeen = 0;

  /** Takes the next piece of the file. `passed` is the byte from which on lines will still be asked for. */
  add(piece: Uint8Array, passed: number): void {
    // Looks at none that stays: a long field is kept over many pieces.
    const before = this.#countBefore(passed);
    this.#kept.splice(0, before);
    this.#passed += before;
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) {
      this.#kept.push(this.#bytesSeen + at);
    }
    this.#bytesSeen += piece.length;
  }

  /** The line, from 1, of the byte at `offset`; a newline belongs to the line that it ends. */
  lineAt(offset: number): number {
    return this.#passed + this.#countBefore(offset) + 1;
  }

  /** How many of the newlines that are kept lie before `offset`. */
  #countBefore(offset: number): number {
    let [low, high] = [0, this.#kept.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#kept[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
