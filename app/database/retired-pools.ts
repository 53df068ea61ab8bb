import type { OverdueCheckouts } from "./measured-pool.ts";
import type { PoolLease } from "./pool-lease.ts";
import type { PoolLog } from "./pool-log.ts";

/** Pools that get no new work: each is closed when its last statement and transaction have ended. */
export class RetiredPools {
  readonly #log: () => PoolLog;
  /** Each resolves with true when its work ended by itself. */
  readonly #draining = new Map<PoolLease, Promise<boolean>>();

  constructor(log: () => PoolLog) {
    this.#log = log;
  }

  get size(): number {
    return this.#draining.size;
  }

  /** What each of them did not get back in time; nothing of pools that cannot know. */
  overdue(): OverdueCheckouts[] {
    return [...this.#draining.keys()].flatMap(({ pool }) => pool.measurements()?.overdue ?? []);
  }

  /** Takes a pool over. @param deadlineMs for its work to end by itself; null = `cutOff` says when */
  add(lease: PoolLease, deadlineMs: number | null): void {
    const drain = async () => {
      const workAtStart = lease.running;
      const ended = await lease.idle(deadlineMs);
      if (ended) this.#log().info({ workAtStart }, "former database pool drained");
      else {
        const cutOff = lease.cutOff();
        this.#log().warn(
          { stillRunning: lease.running, cutOff },
          "former database pool not drained in time, closing anyway",
        );
        lease.pool.breakUsed();
      }
      lease.circuit.dispose();
      await lease.pool.close();
      return ended;
    };
    const drained = drain()
      .catch((error: unknown) => {
        this.#log().warn({ reason: String(error) }, "closing a database pool failed");
        return false;
      })
      .finally(() => this.#draining.delete(lease));
    this.#draining.set(lease, drained);
  }

  /** Resolves when all are closed, with true when the work of each ended by itself. */
  async closed(): Promise<boolean> {
    return !(await Promise.all(this.#draining.values())).includes(false);
  }

  /** Answers all work that is left with an error; says how much it was. */
  cutOff(): number {
    return [...this.#draining.keys()].reduce((sum, lease) => sum + lease.cutOff(), 0);
  }
}
