import { z } from "zod";
import { oneLine } from "./doctor/text.ts";

const count = z.number().nullable();

const session = z.looseObject({
  pid: z.number(),
  user: z.string(),
  applicationName: z.string(),
  state: z.string(),
  seconds: z.number(),
});
type Session = z.infer<typeof session>;
const listed = <Item extends z.ZodType>(item: Item) =>
  z.looseObject({ count: z.number(), oldest: z.array(item) });

/** Who holds connections; absent where the application is older than that. */
const holders = z.looseObject({
  lockWaits: listed(session.extend({ waitedSeconds: z.number(), blockedBy: z.array(session) })),
  idleInTransaction: listed(session),
  slowQueries: listed(session),
  leaks: z
    .looseObject({ count: z.number(), oldestSeconds: count, oldestCaller: z.string().nullable() })
    .nullable(),
});

/** What the command reads of the health endpoint's answer (application/health+json); everything else passes through. */
export const healthBody = z.looseObject({
  status: z.enum(["pass", "warn", "fail"]),
  cause: z.string().nullish(),
  output: z.string().optional(),
  advice: z.string().optional(),
  holders: holders.optional(),
  /** Absent where an own application gives a health body of its own form. */
  configuration: z
    .looseObject({ revision: z.unknown().optional(), lastError: z.string().nullish() })
    .optional(),
  connection: z.looseObject({ status: z.string(), latencyMs: z.number().nullish() }).optional(),
  pool: z
    .looseObject({
      application: z
        .looseObject({
          mode: z.string(),
          limit: z.number(),
          totalCount: count,
          idleCount: count,
          waitingCount: count,
        })
        .nullish(),
      pgbouncer: z
        .looseObject({
          version: z.string().nullish(),
          pools: z
            .array(
              z.looseObject({
                database: z.string(),
                user: z.string(),
                cl_active: z.number(),
                cl_waiting: z.number(),
                sv_active: z.number(),
                sv_idle: z.number(),
                /** Idle for more than server_check_delay; absent where the application is older than this. */
                sv_used: z.number().default(0),
                poolSize: z.number().nullish(),
              }),
            )
            .nullish(),
        })
        .nullish(),
      postgres: z
        .looseObject({
          version: z.string().nullish(),
          maxConnections: z.number().nullish(),
          usedConnections: z.number().nullish(),
        })
        .nullish(),
    })
    .optional(),
});

export type HealthBody = z.infer<typeof healthBody>;

/** A few lines for people; unknown figures are left out rather than invented. */
export function healthSummary(body: HealthBody): string {
  const { application, pgbouncer, postgres } = body.pool ?? {};
  const latency = body.connection?.latencyMs;
  const rows = [
    `health       ${body.status}${body.cause ? ` (${body.cause})` : ""}${body.output ? `: ${body.output}` : ""}`,
    body.advice !== undefined && `to do        ${body.advice}`,
    body.configuration?.lastError != null && `refused      ${oneLine(body.configuration.lastError, 300)}`,
    ...(body.holders === undefined ? [] : holderRows(body.holders)),
    latency != null && `connection   ${body.connection?.status}, ${latency} ms through PgBouncer`,
    application && `application  ${application.mode} pool, limit ${application.limit}${counts(application)}`,
    ...(pgbouncer?.pools ?? []).map(
      (pool) =>
        `pgbouncer    ${pool.database}/${pool.user}: clients ${pool.cl_active} active, ${pool.cl_waiting} waiting; servers ${pool.sv_active} active, ${pool.sv_idle + pool.sv_used} idle${pool.poolSize == null ? "" : ` of ${pool.poolSize}`}`,
    ),
    postgres?.usedConnections != null &&
      `postgres     ${postgres.usedConnections} of ${postgres.maxConnections} connections${postgres.version ? `, version ${postgres.version}` : ""}`,
  ];
  return rows.filter((row) => typeof row === "string").join("\n");
}

/** So many sessions of each kind; the count is of all. */
const MAX_SHOWN = 3;

/** One row for each of the longest holders, and one for those that are not shown. */
function holderRows({ lockWaits, idleInTransaction, slowQueries, leaks }: z.infer<typeof holders>): string[] {
  const who = ({ pid, applicationName, user }: Session) => `pid ${pid} ${applicationName || "-"} (${user})`;
  const rows = <Item>(
    title: string,
    { count, oldest }: { count: number; oldest: Item[] },
    text: (item: Item) => string,
  ) => [
    ...oldest.slice(0, MAX_SHOWN).map((item) => `${title.padEnd(13)}${text(item)}`),
    ...(count > MAX_SHOWN ? [`${title.padEnd(13)}and ${count - MAX_SHOWN} more`] : []),
  ];
  return [
    ...rows("lock wait", lockWaits, (wait) => {
      const blockers = wait.blockedBy.map((by) => `${who(by)}, ${by.state} for ${by.seconds} s`);
      return `${who(wait)} for ${wait.waitedSeconds} s, blocked by ${blockers.join(" and ") || "nobody any more"}`;
    }),
    ...(leaks === null
      ? []
      : [
          `leak         ${leaks.count} pool connection(s), the oldest for ${leaks.oldestSeconds} s by ${leaks.oldestCaller}`,
        ]),
    ...rows("idle in tx", idleInTransaction, (idle) => `${who(idle)} for ${idle.seconds} s`),
    ...rows("slow", slowQueries, (slow) => `${who(slow)} for ${slow.seconds} s`),
  ];
}

function counts(pool: {
  totalCount: number | null;
  idleCount: number | null;
  waitingCount: number | null;
}): string {
  return pool.totalCount === null
    ? ""
    : `, ${pool.totalCount} open, ${pool.idleCount} idle, ${pool.waitingCount} waiting`;
}
