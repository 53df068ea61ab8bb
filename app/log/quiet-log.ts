import type { FastifyBaseLogger, RouteShorthandOptions } from "fastify";

const LEVEL = "warn";

/**
 * The log of a request that is told of only when something is wrong with it. Most such requests (probes, scrapes) write
 * nothing, and pino takes longer to make a child with a level of its own than they take to be answered: so the child,
 * with the request's id, is made by the first line that is written.
 */
class QuietLog implements FastifyBaseLogger {
  readonly level = LEVEL;
  readonly #make: () => FastifyBaseLogger;
  #made: FastifyBaseLogger | undefined;

  constructor(make: () => FastifyBaseLogger) {
    this.#make = make;
  }

  get #child(): FastifyBaseLogger {
    this.#made ??= this.#make();
    return this.#made;
  }

  trace(): void {}
  debug(): void {}
  info(): void {}
  silent(): void {}

  warn(...line: unknown[]): void {
    Reflect.apply(this.#child.warn, this.#child, line);
  }

  error(...line: unknown[]): void {
    Reflect.apply(this.#child.error, this.#child, line);
  }

  fatal(...line: unknown[]): void {
    Reflect.apply(this.#child.fatal, this.#child, line);
  }

  child(...of: Parameters<FastifyBaseLogger["child"]>): FastifyBaseLogger {
    return this.#child.child(...of);
  }
}

const quietLog: NonNullable<RouteShorthandOptions["childLoggerFactory"]> = (parent, bindings, options) =>
  new QuietLog(() => parent.child(bindings, options));

/** Options of a route whose requests are told of only when something is wrong. */
export const QUIET = { logLevel: LEVEL, childLoggerFactory: quietLog } as const;
