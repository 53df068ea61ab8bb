import type { Place } from "../causes.ts";
import type { Observation } from "../look.ts";
import type { PgBouncerSeen, PoolRow } from "../look-pgbouncer.ts";
import type { Symptom } from "../symptom.ts";
import { count, duration } from "../text.ts";

/** Clients that wait longer than this are stuck; shorter queues are normal under load. */
const waitWarningSeconds = 1;
/** Share of max_client_conn from which the next deployment (twice the replicas) will not fit. */
const clientWarning = 0.8;
/** Descriptors that PgBouncer needs besides its connections (logged at its start as `max expected fd use`). */
const ownDescriptors = 10;

/** What PgBouncer's console shows: pause, queues, clients and descriptors. */
export function poolerSymptoms(seen: Observation, place: Place): Symptom[] {
  if (!seen.console?.ok) return [];
  const console = seen.console.seen;
  return [...paused(console, place), ...queues(console), ...clients(console), ...descriptors(console, seen)];
}

/** Whether somebody paused, suspended or disabled the pooler or a database in it. */
export function isPaused({ console }: Observation): boolean {
  return console?.ok === true && pausedWords(console.seen).length > 0;
}

/** Whether a pool has all its server connections in use. */
export function isSaturated({ console }: Observation): boolean {
  return console?.ok === true && console.seen.pools.some((pool) => sizeOf(pool, console.seen).isFull);
}

/** Whether clients wait in a pool that has no server connection at all: PgBouncer cannot get one. */
export function lacksServers({ console }: Observation): boolean {
  if (console?.ok !== true) return false;
  const servers = (pool: PoolRow) => pool.sv_active + pool.sv_idle + pool.sv_used;
  return console.seen.pools.some((pool) => pool.cl_waiting > 0 && servers(pool) === 0);
}

/** What somebody did to the whole of PgBouncer. */
function wholePauses({ state }: PgBouncerSeen): string[] {
  return ["paused", "suspended"].filter((name) => state[name] === "yes");
}

function pausedWords(console: PgBouncerSeen): string[] {
  const { databases } = console;
  return [
    ...wholePauses(console).map((name) => `PgBouncer is ${name}`),
    ...databases
      .filter(({ paused }) => paused === 1)
      .map(({ name }) => `database ${name} is paused in PgBouncer`),
    ...databases
      .filter(({ disabled }) => disabled === 1)
      .map(({ name }) => `database ${name} is disabled in PgBouncer`),
  ];
}

function paused(console: PgBouncerSeen, { names }: Place): Symptom[] {
  const words = pausedWords(console);
  if (words.length === 0) return [];
  const waiting = console.pools.reduce((sum, { cl_waiting }) => sum + cl_waiting, 0);
  const evidence = `${words.join(", ")}; ${count(waiting, "client waits", "clients wait")}`;
  // USR2 is RESUME of a PAUSE of everything; of one database only the console or a restart takes it back.
  const isWhole = wholePauses(console).length > 0;
  const isOne = console.databases.some(
    ({ paused, disabled }) => disabled === 1 || (paused === 1 && !isWhole),
  );
  const command = isOne ? `docker restart ${names.pgbouncer}` : undefined;
  return [{ cause: "pgbouncer_paused", severity: "fail", evidence, ...(command && { command }) }];
}

function queues(console: PgBouncerSeen): Symptom[] {
  return console.pools.flatMap((pool): Symptom[] => {
    const { isFull, limit } = sizeOf(pool, console);
    const waited = pool.maxwait + pool.maxwait_us / 1e6;
    const isWaiting = pool.cl_waiting > 0 && waited >= waitWarningSeconds;
    if (!isFull || !isWaiting) return [];
    const longest = `, the longest for ${duration(waited)}`;
    const evidence = `pool ${pool.database}/${pool.user}: ${pool.sv_active} of ${limit} server connections busy, ${count(pool.cl_waiting, "client waits", "clients wait")}${longest}`;
    return [{ cause: "pgbouncer_pool_exhausted", severity: "warn", evidence }];
  });
}

/**
 * A pool is full when every connection it may have works; the reserve comes only after reserve_pool_timeout. The role's
 * own sizes win over the database's.
 */
function sizeOf(pool: PoolRow, { databases, users }: PgBouncerSeen): { isFull: boolean; limit: number } {
  const database = databases.find(({ name }) => name === pool.database);
  const role = users.find(({ name }) => name === pool.user);
  const size = Number(role?.pool_size || database?.pool_size || 0);
  const reserve = Number(role?.reserve_pool_size || database?.reserve_pool_size || 0);
  const isReached = (cap = 0, current = 0) => cap > 0 && current >= cap;
  const isAtCap =
    isReached(database?.max_connections, database?.current_connections) ||
    isReached(role?.max_user_connections, role?.current_connections);
  const isFull = pool.sv_idle + pool.sv_used === 0 && ((size > 0 && pool.sv_active >= size) || isAtCap);
  return { isFull, limit: size + reserve };
}

function clients({ lists, config }: PgBouncerSeen): Symptom[] {
  const limit = Number(config.get("max_client_conn")?.value);
  const used = lists.used_clients ?? 0;
  if (!(limit > 0) || used < clientWarning * limit) return [];
  const evidence = `${used} of ${limit} clients (max_client_conn) are connected to PgBouncer`;
  return [{ cause: "pgbouncer_client_limit", severity: "warn", evidence }];
}

/** From limits alone: SHOW FDS would stop PgBouncer's event loop. */
function descriptors({ config, databases }: PgBouncerSeen, { containers }: Observation): Symptom[] {
  const container = containers.pgbouncer.ok ? containers.pgbouncer.seen : null;
  const limit = container?.openFilesLimit;
  const clients = Number(config.get("max_client_conn")?.value);
  const servers = databases.reduce((sum, row) => sum + (row.max_connections || row.pool_size), 0);
  const needed = clients + servers + ownDescriptors;
  if (limit == null || !(needed > limit)) return [];
  const evidence = `PgBouncer may need ${needed} descriptors (max_client_conn ${clients}, servers ${servers}), its limit is ${limit}`;
  return [{ cause: "descriptors_low", severity: "warn", evidence }];
}
