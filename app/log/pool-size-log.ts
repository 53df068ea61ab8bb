import type { PoolState } from "../database/pool-state.ts";

const LOOK_EVERY_MS = 1000;

/**
 * Tells once a second when the pool has more or fewer connections than at the last look; what came and went in between
 * is in the metrics. Standard mode does not know, so it tells nothing.
 */
export function logPoolSize(
  state: () => Pick<PoolState, "counts" | "limit">,
  log: { info(fields: object, message: string): void },
): NodeJS.Timeout {
  let last = 0;
  return setInterval(() => {
    const { counts, limit } = state();
    const total = counts?.totalCount ?? 0;
    if (total === last || counts === null) return;
    const { idleCount: idle, waitingCount: waiting } = counts;
    log.info({ from: last, to: total, idle, waiting, limit }, "database pool changed its size");
    last = total;
  }, LOOK_EVERY_MS).unref();
}
