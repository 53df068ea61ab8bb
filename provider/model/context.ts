import type Docker from "dockerode";
import { UserError } from "./errors.ts";
import type { Context, Log } from "./resource.ts";

/** Where messages about resources go. */
interface Messages {
  info(urn: string, message: string): void;
  warning(urn: string, message: string): void;
}

/** Makes the context of each operation; knows how to end all of them. */
export class Contexts {
  readonly #cancellation = new AbortController();
  readonly #messages: Messages;
  readonly #connect: () => Promise<Docker>;
  #docker: Promise<Docker> | undefined;

  /** @param connect makes the client of Docker Engine; called again only after a failure */
  constructor(messages: Messages, connect: () => Promise<Docker>) {
    this.#messages = messages;
    this.#connect = connect;
  }

  /** @param timeoutSeconds the resource's custom timeout, 0 = none */
  of(urn: string, timeoutSeconds: number): Context {
    const log: Log = {
      info: (message) => this.#messages.info(urn, message),
      warning: (message) => this.#messages.warning(urn, message),
    };
    const signals = [this.#cancellation.signal];
    if (timeoutSeconds > 0) signals.push(timeoutAfter(timeoutSeconds));
    return { stack: stackOf(urn), signal: AbortSignal.any(signals), log, docker: () => this.#dockerOnce() };
  }

  #dockerOnce(): Promise<Docker> {
    this.#docker ??= this.#connect().catch((error: unknown) => {
      this.#docker = undefined;
      throw error;
    });
    return this.#docker;
  }

  cancel(): void {
    this.#cancellation.abort(new UserError("cancelled before it was done"));
  }
}

/** 24 days: a longer timer of Node's ends at once, and no deployment is waited for as long. */
const longestTimerMs = 2 ** 31 - 1;

function timeoutAfter(seconds: number): AbortSignal {
  const controller = new AbortController();
  const reason = new UserError(`not done within its custom timeout of ${seconds} s`);
  setTimeout(() => controller.abort(reason), Math.min(seconds * 1000, longestTimerMs)).unref();
  return controller.signal;
}

/** The stack in a URN `urn:pulumi:stack::project::type::name`. */
function stackOf(urn: string): string {
  return (urn.split("::")[0] ?? "").replace(/^urn:pulumi:/, "");
}
