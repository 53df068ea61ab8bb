/**
 * The pieces of a file that were read last, so that the bytes of a row can be looked at once more. Keeps the pieces as
 * they came and copies nothing before it is asked, so it costs nothing while nobody asks.
 */
export class RecentBytes {
  #pieces: { readonly begin: number; readonly bytes: Uint8Array }[] = [];
  #bytesSeen = 0;

  /** The offset behind the last piece. */
  get end(): number {
    return this.#bytesSeen;
  }

  /** Takes the next piece of the file. `neededFrom` is the byte from which on bytes will still be asked for. */
  add(piece: Uint8Array, neededFrom: number): void {
    this.#pieces = this.#pieces.filter(({ begin, bytes }) => begin + bytes.length > neededFrom);
    this.#pieces.push({ begin: this.#bytesSeen, bytes: piece });
    this.#bytesSeen += piece.length;
  }

  /** The bytes from the offset `from` up to, not including, `to`. */
  between(from: number, to: number): Buffer {
    return Buffer.concat(
      this.#pieces.map(({ begin, bytes }) =>
        bytes.subarray(Math.max(from - begin, 0), Math.max(to - begin, 0)),
      ),
    );
  }
}
