import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from "cockatiel";
import { CircuitOpenError, classifyFailure, FAILURES, type FailureKind } from "./database-failure.ts";

/** So many pieces of work in a row that found no way to the database, each after its own repetitions, open it. */
const OPENS_AFTER = 5;
/** Between two trials of an open breaker; also what callers are told to wait (Retry-After). */
const TRIAL_EVERY_MS = 1000;

/** The breaker's state in the words of the pattern. */
export type CircuitStateName = "closed" | "open" | "half_open";

const NAMES: Readonly<Record<CircuitState, CircuitStateName>> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "half_open",
  [CircuitState.Isolated]: "open",
};

/** True for a refusal that Postgres or PgBouncer has given: the way there is whole. What has no name may be anything. */
const isAnswer = (kind: FailureKind) => FAILURES[kind].phase === "answered" && kind !== "other";

/** What a breaker needs from outside. */
export interface CircuitOptions {
  /** Looks whether the database can be reached now, on a connection of its own and in bounded time. Never rejects. */
  readonly isReachable: () => Promise<boolean>;
  readonly onChange: (state: CircuitStateName) => void;
}

/**
 * Spares a database that cannot be reached and the callers that would wait for it: after several failures in a row work
 * fails at once, until a trial gets through. Only a broken way opens it (see FAILURES), never an error of a statement
 * and never a full pool. The trial is a connection of its own, once a second: no caller's work is risked on it, and the
 * breaker closes by itself, also when nobody asks.
 */
export class Circuit {
  readonly #policy = circuitBreaker(
    handleWhen((error) => FAILURES[classifyFailure(error)].isOutage),
    // Trials come by the timer below, so nothing else has to wait before it may be one.
    { halfOpenAfter: 0, breaker: new ConsecutiveBreaker(OPENS_AFTER) },
  );
  readonly #isReachable: () => Promise<boolean>;
  /** The policy has heard of a failure and of no success since. */
  #isCounting = false;
  #timer: NodeJS.Timeout | undefined;
  #isDisposed = false;

  constructor({ isReachable, onChange }: CircuitOptions) {
    this.#isReachable = isReachable;
    this.#policy.onStateChange((state) => onChange(NAMES[state]));
    this.#policy.onBreak(() => this.#scheduleTrial());
  }

  get state(): CircuitStateName {
    return NAMES[this.#policy.state];
  }

  /**
   * Runs `work`. @throws CircuitOpenError at once, without running it, while the breaker is not closed.
   * The policy hears of every broken way, and of a success, or an error that the database itself answered, only where
   * that ends a row of failures: so work costs nothing while all is well.
   */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#policy.state !== CircuitState.Closed) throw new CircuitOpenError();
    let result: Result;
    try {
      result = await work();
    } catch (error) {
      const kind = classifyFailure(error);
      if (FAILURES[kind].isOutage) {
        this.#isCounting = true;
        await this.#tell(() => Promise.reject(error));
      } else if (isAnswer(kind)) await this.#tellSuccess();
      throw error;
    }
    await this.#tellSuccess();
    return result;
  }

  async #tellSuccess(): Promise<void> {
    if (!this.#isCounting) return;
    this.#isCounting = false;
    await this.#tell(() => Promise.resolve());
  }

  /** Others may have opened the breaker meanwhile: then its trials decide, not work from before. */
  async #tell(outcome: () => Promise<void>): Promise<void> {
    if (this.#policy.state === CircuitState.Closed) await this.#policy.execute(outcome).catch(() => {});
  }

  /** Ends the trials. */
  dispose(): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
  }

  #scheduleTrial(): void {
    if (this.#isDisposed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#trial(), TRIAL_EVERY_MS);
    this.#timer.unref();
  }

  async #trial(): Promise<void> {
    const look = async () => {
      if (!(await this.#isReachable())) throw Object.assign(new Error("trial failed"), { code: "P1001" });
    };
    // A failed trial opens the breaker anew, which schedules the next.
    await this.#policy.execute(look).catch(() => {});
  }
}
