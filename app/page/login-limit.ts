const WINDOW_MS = 60_000;
const MAX_WRONG = 10;
/** Addresses that are remembered at a time; the one that came first is forgotten first. */
const MAX_ADDRESSES = 1000;

/** Bounds wrong logins: ten a minute from one address, then the address has to wait for the minute to end. */
export class LoginLimit {
  readonly #now: () => number;
  readonly #wrong = new Map<string, { count: number; readonly since: number }>();

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Seconds that this address has to wait before its token is looked at; 0 when it has not to. */
  waitSeconds(address: string): number {
    const seen = this.#wrong.get(address);
    if (seen === undefined || seen.count < MAX_WRONG) return 0;
    return Math.max(Math.ceil((seen.since + WINDOW_MS - this.#now()) / 1000), 0);
  }

  noteWrong(address: string): void {
    const now = this.#now();
    const seen = this.#wrong.get(address);
    if (seen !== undefined && seen.since + WINDOW_MS > now) {
      seen.count += 1;
      return;
    }
    this.#wrong.delete(address); // so that it counts as the newest
    this.#wrong.set(address, { count: 1, since: now });
    const [oldest] = this.#wrong.keys();
    if (this.#wrong.size > MAX_ADDRESSES && oldest !== undefined) this.#wrong.delete(oldest);
  }
}
