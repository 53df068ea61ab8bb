import { CAUSES, type CauseName, settingsText } from "./health-causes.ts";
import { type Holders, holdersOf } from "./health-holders.ts";
import { thresholdsOf } from "./health-limits.ts";
import type { Observation } from "./health-observation.ts";
import { type Case, RULES } from "./health-rules.ts";
import { applicationPools } from "./pgbouncer-pools.ts";

export interface Verdict {
  readonly status: "pass" | "warn" | "fail";
  readonly cause: CauseName | null;
  /** One sentence: what is wrong, with the holder and the figures. Null with "pass". */
  readonly output: string | null;
  /** What to do, with the settings in force. Null with "pass". */
  readonly advice: string | null;
}

/** The values in force of the settings that an advice may name, as far as they were seen. */
function settingValues(seen: Observation) {
  const { pool, settings, limits, pgbouncer, postgres } = seen;
  const console = pgbouncer?.ok === true ? pgbouncer.report : undefined;
  const [own] = applicationPools(seen);
  return {
    DATABASE_CONNECTION_LIMIT: pool.limit,
    DATABASE_ACQUIRE_TIMEOUT: settings.acquireTimeoutSeconds,
    DATABASE_TRANSACTION_TIMEOUT: settings.transactionTimeoutSeconds,
    max_client_conn: console?.maxClientConn,
    query_wait_timeout: console?.queryWaitTimeoutSeconds,
    server_login_retry: console?.serverLoginRetrySeconds,
    default_pool_size: own?.poolSize ?? undefined,
    reserve_pool_size: own?.reservePoolSize ?? undefined,
    statement_timeout: limits?.statementTimeoutSeconds,
    lock_timeout: limits?.lockTimeoutSeconds,
    idle_in_transaction_session_timeout: limits?.idleInTransactionTimeoutSeconds,
    max_connections: postgres?.ok === true ? postgres.report.maxConnections : undefined,
  };
}

/** Who holds connections, as the body shows it. */
export function holdersSeen(seen: Observation): Holders {
  const activity = seen.postgres?.ok === true ? seen.postgres.report.activity : null;
  return holdersOf(activity, seen.leaks, seen.applicationUser);
}

/** Names the cause of what was seen: the root, not its consequences. Pure. */
export function verdictOf(observation: Observation): Verdict {
  const { pgbouncer, settings, limits } = observation;
  const queryWait = pgbouncer?.ok === true ? pgbouncer.report.queryWaitTimeoutSeconds : undefined;
  const seen: Case = {
    ...observation,
    thresholds: thresholdsOf(limits, settings.acquireTimeoutSeconds, queryWait),
    holders: holdersSeen(observation),
  };
  for (const rule of RULES) {
    const finding = rule(seen);
    if (finding !== null) return { ...finding, advice: adviceFor(finding.cause, observation) };
  }
  return { status: "pass", cause: null, output: null, advice: null };
}

function adviceFor(cause: CauseName, seen: Observation): string {
  const now = settingsText(cause, settingValues(seen));
  return now === "" ? CAUSES[cause].advice : `${CAUSES[cause].advice} Now: ${now}.`;
}
