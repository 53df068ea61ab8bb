import { z } from "zod";

/** The body of `application/health+json` as docs/health.md describes it: nothing more, nothing less, every unit fixed. */

const time = z.iso.datetime();
const text = z.string().min(1);
const figure = z.number().nonnegative();
const whole = z.int().nonnegative();
const status = z.enum(["pass", "warn", "fail"]);

/** A check of draft-inadarei-api-health-check-06 section 4: its value with its unit, or why there is none. */
const check = (componentId: string, units: readonly string[]) => {
  const base = {
    componentId: z.literal(componentId),
    componentType: z.literal(componentId === "pool" ? "component" : "datastore"),
    time,
  };
  const failed = z.strictObject({ ...base, status: z.literal("fail"), output: text });
  const seen =
    units.length === 0
      ? z.strictObject({ ...base, status: z.literal("pass") })
      : z.strictObject({
          ...base,
          observedValue: figure,
          observedUnit: z.enum(units),
          status,
          output: text.optional(),
        });
  return z.tuple([z.union([seen, failed])]);
};
const checks = z.strictObject({
  "pgbouncer:responseTime": check("pgbouncer", ["ms"]),
  "pgbouncer:connections": check("pgbouncer", ["connections"]).optional(),
  "pgbouncer:utilization": check("pgbouncer", ["percent"]).optional(),
  "postgres:responseTime": check("postgres", ["ms"]).optional(),
  "postgres:connections": check("postgres", ["connections"]).optional(),
  "postgres:write": check("postgres", []).optional(),
  "pool:connections": check("pool", ["connections", "statements"]),
  "pool:utilization": check("pool", ["percent"]),
});

const unseen = z.strictObject({ reason: text });
const applicationPool = z.strictObject({
  mode: z.enum(["standard", "enhanced"]),
  limit: whole,
  runningCount: whole,
  longestWaitMs: whole,
  drainingPools: whole,
  circuit: z.enum(["closed", "open", "half_open"]),
  counters: z.record(z.string(), z.union([whole, z.record(z.string(), whole)])),
  totalCount: whole.nullable(),
  idleCount: whole.nullable(),
  waitingCount: whole.nullable(),
  measurements: z.looseObject({}).nullable(),
  reason: text.optional(),
});
const pgbouncerPool = z.strictObject({
  database: text,
  user: text,
  cl_active: whole,
  cl_waiting: whole,
  sv_active: whole,
  sv_idle: whole,
  sv_used: whole,
  maxwaitSeconds: figure,
  poolSize: whole.nullable(),
  reservePoolSize: whole.nullable(),
  paused: z.boolean(),
});
const pgbouncer = z.strictObject({
  version: text,
  poolMode: z.literal("transaction"),
  maxClientConn: whole,
  queryWaitTimeoutSeconds: figure,
  pools: z.array(pgbouncerPool),
  totals: z.strictObject({ queries: whole, querySeconds: figure, at: whole }),
});
const postgres = z.strictObject({
  version: text,
  maxConnections: whole,
  usedConnections: whole,
  byState: z.record(z.string(), whole),
  limits: z
    .strictObject({
      statementTimeoutSeconds: figure,
      lockTimeoutSeconds: figure,
      idleInTransactionTimeoutSeconds: figure,
    })
    .nullable(),
});

const session = { pid: whole, user: z.string(), applicationName: z.string(), state: text, seconds: figure };
const listed = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({ count: whole, oldest: z.array(item).max(10) });
const holders = z.strictObject({
  lockWaits: listed(
    z.strictObject({ ...session, waitedSeconds: figure, blockedBy: z.array(z.strictObject(session)) }),
  ),
  idleInTransaction: listed(z.strictObject(session)),
  slowQueries: listed(z.strictObject(session)),
  leaks: z.strictObject({ count: whole, oldestSeconds: figure, oldestCaller: text }).nullable(),
});

export const healthSchema = z.strictObject({
  status,
  cause: text.nullable(),
  output: text.optional(),
  advice: text.optional(),
  serviceId: z.literal("poolkit-app"),
  version: text,
  releaseId: text,
  description: text,
  checks,
  connection: z.strictObject({
    status: z.enum(["connected", "failed"]),
    latencyMs: figure.nullable(),
    directLatencyMs: figure.nullable(),
  }),
  pool: z.strictObject({
    application: applicationPool,
    pgbouncer: z.union([pgbouncer, unseen]),
    postgres: z.union([postgres, unseen]),
  }),
  holders,
  metrics: z.strictObject({
    sessions: z.strictObject({
      total: whole.nullable(),
      byStatus: z.record(z.string(), whole).nullable(),
      reason: text.optional(),
    }),
    queues: z.strictObject({ application: whole, pgbouncer: whole.nullable() }),
    requests: z.strictObject({ underWay: whole, total: whole }),
    pendingMigrations: z.array(text).nullable(),
  }),
  configuration: z.strictObject({
    revision: text.nullable(),
    preset: text,
    stack: text,
    lastError: text.nullable(),
    warnings: z.array(text),
    values: z.record(z.string(), z.looseObject({ source: text })),
  }),
  versions: z.strictObject({ node: text, prisma: text, pg: text }),
});
