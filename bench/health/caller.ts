import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

/** What a caller is told to do. */
export interface Order {
  readonly url: string;
  readonly token: string;
  readonly seconds: number;
  readonly callsPerSecond: number;
}

/** What a caller saw. */
export interface Asked {
  /** Milliseconds of every answer from the moment its call was sent, sorted. */
  readonly milliseconds: readonly number[];
  /** Answers other than 200. */
  readonly refused: number;
  /** CPU that the caller itself took. */
  readonly cpuMs: number;
}

/**
 * Asks from a process of its own: in the process that makes the main load, each call would take the load generator's
 * time, and the loss would look like the application's. The process stays for the next order.
 */
export class Caller {
  readonly #child: ChildProcess = fork(path.join(import.meta.dirname, "caller-process.ts"));
  readonly #ended: Promise<never> = once(this.#child, "exit").then(() =>
    Promise.reject(new Error("the caller gave up")),
  );

  constructor() {
    this.#ended.catch(() => {}); // it ends when told to, too
  }

  async ask(order: Order): Promise<Asked> {
    // By a message: arguments of a process are there for everybody to read.
    this.#child.send(order);
    const [asked]: Asked[] = await Promise.race([once(this.#child, "message"), this.#ended]);
    if (asked === undefined) throw new Error("the caller said nothing");
    return asked;
  }

  stop(): void {
    this.#child.kill();
  }
}
