import { createHmac, randomBytes } from "node:crypto";
import { isToken } from "../requests/auth.ts";

/** How long somebody who logged in may watch before the token is asked for again. */
export const SESSION_SECONDS = 3600;
/** Ended sessions are remembered until they would have run out; more than this in an hour and the oldest is forgotten. */
const MAX_ENDED = 1000;

/**
 * Sessions of the page. The cookie holds a random name, the moment of its end and a signature keyed with the health
 * token: not the token itself, nothing to keep for the server, and another token ends all sessions.
 */
export class Sessions {
  readonly #token: () => string;
  readonly #now: () => number;
  readonly #ended = new Set<string>();

  /** `token` gives the one in force; `now` milliseconds since 1970. */
  constructor(token: () => string, now: () => number = Date.now) {
    this.#token = token;
    this.#now = now;
  }

  /** A new session, as the cookie's value. */
  begin(): string {
    const end = Math.floor(this.#now() / 1000) + SESSION_SECONDS;
    const claim = `${randomBytes(16).toString("base64url")}.${end}`;
    return `${claim}.${this.#signature(claim)}`;
  }

  /** True for what `begin` gave, for an hour, unless `end` was called or the token has changed. */
  isValid(cookie: string | undefined): boolean {
    const [, claim = "", end = "", signature = ""] =
      /^([\w-]{22}\.(\d{1,12}))\.([\w-]{43})$/.exec(cookie ?? "") ?? [];
    const isOurs = isToken(signature, this.#signature(claim));
    return isOurs && Number(end) > this.#now() / 1000 && !this.#ended.has(claim);
  }

  /** Ends a session before its time: a copy of the cookie opens nothing any more, as long as this process runs. */
  end(cookie: string | undefined): void {
    if (cookie === undefined || !this.isValid(cookie)) return;
    this.#ended.add(cookie.slice(0, cookie.lastIndexOf(".")));
    for (const oldest of this.#ended) {
      if (this.#ended.size <= MAX_ENDED) break;
      this.#ended.delete(oldest);
    }
  }

  #signature(claim: string): string {
    return createHmac("sha256", this.#token()).update(`poolkit page ${claim}`).digest("base64url");
  }
}
