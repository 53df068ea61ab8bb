import { PassThrough, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryMessage, LookMessage } from "./live.ts";

/** Health itself looks at most twice a second; people do not read faster than this. */
const INTERVAL_MS = 2000;
const MAX_STREAMS = 50;
/** A reader who is so far behind (many looks) is gone in all likelihood. */
const MAX_BEHIND_BYTES = 1024 * 1024;

/** Where the feed gets what it sends. */
export interface FeedSource {
  readonly history: () => HistoryMessage;
  /** Must not reject. */
  readonly look: () => Promise<LookMessage>;
}

/** Sends the same looks to every open page: one look is made and rendered, however many watch, and none when nobody does. */
export class Feed {
  readonly #source: FeedSource;
  /** Each with the question whether it may still watch. */
  readonly #streams = new Map<PassThrough, () => boolean>();
  #isLooking = false;

  constructor(source: FeedSource) {
    this.#source = source;
  }

  /** A stream of server-sent events for as long as `mayWatch` says yes; null when too many watch already. */
  open(mayWatch: () => boolean): Readable | null {
    if (this.#streams.size >= MAX_STREAMS) return null;
    const stream = new PassThrough();
    stream.once("close", () => this.#streams.delete(stream));
    stream.on("error", () => {}); // the reader went away; "close" follows
    stream.write(eventText("history", this.#source.history()));
    this.#streams.set(stream, mayWatch);
    if (!this.#isLooking) void this.#send();
    return stream;
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of this.#streams.keys()) stream.end();
    this.#streams.clear();
  }

  async #send(): Promise<void> {
    this.#isLooking = true;
    while (this.#streams.size > 0) {
      const text = eventText("look", await this.#source.look());
      for (const [stream, mayWatch] of this.#streams) {
        if (!mayWatch()) {
          this.#streams.delete(stream);
          stream.end();
        } else if (stream.readableLength + stream.writableLength > MAX_BEHIND_BYTES) stream.destroy();
        else stream.write(text);
      }
      await sleep(INTERVAL_MS, undefined, { ref: false });
    }
    this.#isLooking = false;
  }
}

/** JSON has no line breaks, so one `data:` line holds it. */
function eventText(name: string, message: HistoryMessage | LookMessage): string {
  return `event: ${name}\ndata: ${JSON.stringify(message)}\n\n`;
}
