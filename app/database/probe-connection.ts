import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { DatabaseSocket } from "./database-socket.ts";
import { type ProbeFailure, probeFailureOf } from "./probe-errors.ts";

/** What a probe saw, or why it saw nothing. */
export type ProbeResult<Report> =
  | { readonly ok: true; readonly report: Report; readonly time: string }
  | { readonly ok: false; readonly failure: ProbeFailure; readonly time: string };

/** What a probe asks on its connection. */
export type Look<Report> = (client: pg.Client) => Promise<Report>;

/** Shown in pg_stat_activity and SHOW CLIENTS instead of the pool's name. */
export const PROBE_APPLICATION_NAME = "poolkit-health";

/** Every look ends within this time, so that the endpoint can promise an answer within 2 s on a busy machine too. */
export const PROBE_DEADLINE_MS = 1200;
/**
 * A kept connection that has not answered by then may be a dead one (its peer has gone without a word), so a fresh
 * login is sent after it. Well below the deadline, well above what a look takes where nothing is wrong.
 */
const SECOND_TRY_MS = 400;
/**
 * A connection that nobody has used for so long is closed: who does not ask for health keeps no connection open. Longer
 * than the 5 s after which the page's history looks again: it would find every connection just closed.
 */
const UNUSED_MS = 8000;

class DeadlineError extends Error {}

/** One connection of a probe, never of the pool: an exhausted pool must not blind the one who reports it. */
class Login {
  readonly connectionString: string;
  readonly since = performance.now();
  // The socket is ours so that the deadline can cut it: client.end() waits for a frozen peer without end.
  readonly #socket = new DatabaseSocket();
  readonly #client: pg.Client;
  readonly #connected: Promise<unknown>;
  #isBroken = false;

  constructor(connectionString: string) {
    this.connectionString = connectionString;
    this.#client = new pg.Client({
      connectionString,
      application_name: PROBE_APPLICATION_NAME,
      // Queries asked for side by side go out at once: a look at PgBouncer's console costs it less than half.
      pipeline: true,
      stream: () => this.#socket,
    });
    // An error between two queries is also the next query's error; without a listener it would end the process.
    this.#client.on("error", () => {
      this.#isBroken = true;
    });
    this.#client.on("end", () => {
      this.#isBroken = true;
    });
    this.#connected = this.#client.connect();
    this.#connected.catch(() => {}); // asked for in run()
    // A connection that waits for the next look does not keep the process alive.
    this.#socket.unref();
  }

  get isUsable(): boolean {
    return !this.#isBroken;
  }

  async run<Report>(look: Look<Report>): Promise<Report> {
    await this.#connected;
    return await look(this.#client);
  }

  /** Says goodbye; for a connection on which nothing is under way. */
  end(): void {
    this.#client.end().catch(() => {});
  }

  /** Cuts whatever is under way. */
  cut(): void {
    this.#socket.destroy();
  }
}

/**
 * A probe that keeps its connection between looks, because a login costs more than the look: four round trips, SCRAM's
 * thousands of hashes and, at Postgres, a process. It has two connections at most, the second while a fresh login takes
 * the place of the kept one. That happens
 * - every `loginEveryMs`, so that the probe sees what the application's next login will see (a password, a limit),
 *   while the kept connection still holds its place: a free place of its own would hide that there is no other;
 * - at once after any error, and beside a kept connection that is late. What the fresh login meets is the result.
 */
export class KeptProbe<Report> {
  readonly #loginEveryMs: number;
  readonly #look: Look<Report>;
  readonly #hasSecondTry: boolean;
  #kept: Login | null = null;
  #unused: NodeJS.Timeout | undefined;

  /**
   * `hasSecondTry: false` is for a look whose work may be large: a second try beside it would double that. Then a late
   * look or an error is the result, and the next look logs in. @default true
   */
  constructor(loginEveryMs: number, look: Look<Report>, { hasSecondTry = true } = {}) {
    this.#loginEveryMs = loginEveryMs;
    this.#look = look;
    this.#hasSecondTry = hasSecondTry;
  }

  /** One look, over in 1.2 s. Never rejects. Not to be called while another look is under way. */
  async look(connectionString: string): Promise<ProbeResult<Report>> {
    const former = this.#kept;
    this.#kept = null;
    clearTimeout(this.#unused);
    const logins = former === null ? [] : [former];
    const fresh = (): Promise<Seen<Report>> => {
      const login = new Login(connectionString);
      logins.push(login);
      return this.#on(login);
    };
    const isGood =
      former?.isUsable &&
      former.connectionString === connectionString &&
      performance.now() - former.since < this.#loginEveryMs;
    const first = () => (isGood ? this.#on(former) : fresh());
    const result = await inTime(isGood && this.#hasSecondTry ? secondTry(first(), fresh) : first());
    if (result.ok) this.#keep(result.report.login);
    for (const login of logins) {
      if (login === this.#kept) continue;
      // The former connection did nothing in a look by a fresh login that went well.
      if (result.ok && login === former && !isGood) login.end();
      else login.cut();
    }
    return result.ok ? { ...result, report: result.report.report } : result;
  }

  async #on(login: Login): Promise<Seen<Report>> {
    return { login, report: await login.run(this.#look) };
  }

  #keep(login: Login): void {
    this.#kept = login;
    this.#unused = setTimeout(() => {
      this.#kept = null;
      login.end();
    }, UNUSED_MS).unref();
  }
}

interface Seen<Report> {
  readonly login: Login;
  readonly report: Report;
}

/** What `first` gives, or what `another` gives when the first fails or, after a while, gives nothing. */
async function secondTry<Result>(first: Promise<Result>, another: () => Promise<Result>): Promise<Result> {
  const LATE = Symbol();
  const early = await Promise.race([
    first.then(
      (result) => ({ result }),
      () => LATE,
    ),
    sleep(SECOND_TRY_MS, LATE, { ref: false }),
  ]);
  if (typeof early === "object") return early.result;
  const second = another();
  return await Promise.race([second, first.catch(() => second)]);
}

/** The outcome of `work` within the deadline, as a result. Never rejects. */
async function inTime<Report>(work: Promise<Report>): Promise<ProbeResult<Report>> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DeadlineError()), PROBE_DEADLINE_MS);
  try {
    const report = await Promise.race([work, deadline]);
    return { ok: true, report, time: new Date().toISOString() };
  } catch (error) {
    const failure = error instanceof DeadlineError ? "timeout" : probeFailureOf(error);
    return { ok: false, failure, time: new Date().toISOString() };
  } finally {
    clearTimeout(timer);
  }
}

/** One look by a login of its own, over in 1.2 s. Never rejects. */
export async function probe<Report>(
  connectionString: string,
  look: Look<Report>,
): Promise<ProbeResult<Report>> {
  const login = new Login(connectionString);
  const result = await inTime(login.run(look));
  if (result.ok) login.end();
  else login.cut();
  return result;
}

/** Failures that say the way is broken; any other answer comes from a database that is there. */
const BROKEN_WAY: readonly ProbeFailure[] = ["dns", "unreachable", "timeout", "upstream_down", "disabled"];

/** True when a query gets through, or is refused by somebody who is there. */
export async function isReachable(connectionString: string): Promise<boolean> {
  const result = await probe(connectionString, (client) => client.query("SELECT 1"));
  return result.ok || !BROKEN_WAY.includes(result.failure);
}

/** Runs `query` and says how many milliseconds it took, to a tenth. */
export async function timed(query: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await query();
  return Math.round((performance.now() - start) * 10) / 10;
}
