import { z } from "zod";

const count = z.number().nullable();

/** What the command reads of the health endpoint's answer (application/health+json); everything else passes through. */
export const healthBody = z.looseObject({
  status: z.enum(["pass", "warn", "fail"]),
  cause: z.string().nullish(),
  output: z.string().optional(),
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
                user: z.string(),
                cl_active: z.number(),
                cl_waiting: z.number(),
                sv_active: z.number(),
                sv_idle: z.number(),
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
    latency != null && `connection   ${body.connection?.status}, ${latency} ms through PgBouncer`,
    application && `application  ${application.mode} pool, limit ${application.limit}${counts(application)}`,
    ...(pgbouncer?.pools ?? []).map(
      (pool) =>
        `pgbouncer    ${pool.user}: clients ${pool.cl_active} active, ${pool.cl_waiting} waiting; servers ${pool.sv_active} active, ${pool.sv_idle} idle${pool.poolSize == null ? "" : ` of ${pool.poolSize}`}`,
    ),
    postgres?.usedConnections != null &&
      `postgres     ${postgres.usedConnections} of ${postgres.maxConnections} connections${postgres.version ? `, version ${postgres.version}` : ""}`,
  ];
  return rows.filter((row) => typeof row === "string").join("\n");
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
