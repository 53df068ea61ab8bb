import fc from "fast-check";
import { budgetOf } from "../../infra/budget/budget.ts";
import { type Check, holds, total } from "../../infra/budget/check.ts";
import { applicationClients } from "../../infra/budget/client-checks.ts";
import { type ConnectionPath, connectionPath } from "../../infra/budget/connection-path.ts";
import { type Deployment, kitDeployment } from "../../infra/budget/deployment.ts";
import { withFix } from "../../infra/budget/smallest-fix.ts";
import { roles } from "../../infra/names.ts";
import { resolveSizing, type SizingInput } from "../../infra/sizing.ts";

/** One configuration to prove, scaled down so that hundreds of them run in minutes. */
export interface Sample {
  readonly input: SizingInput;
  readonly deployment: Deployment;
  /** Of the other clients, those that work through the second database entry. */
  readonly jobsClients: number;
  /** Share of all clients that the first of two PgBouncers gets. */
  readonly firstShare: number;
}

/** What the budget says about it. */
export interface Prediction {
  /** Ids of the inequalities under test that do not hold. */
  readonly refused: readonly string[];
  /** The smallest distance to a limit, negative when refused: in clients, connections or seconds of the check. */
  readonly margins: Readonly<Record<string, number>>;
}

/** `max_connections` of the servers that the samples run on: a change needs a restart, so there are only these. */
export const serverSizes = [32, 48] as const;
export const superuserReserved = 3;
export const databaseName = "poolkit";
/** A second name for the same database, with a pool of its own. */
export const jobsName = "jobs";

/** The inequalities that a load can break; the others are about timers and rules of thumb. */
const provable =
  /^(pgbouncer-clients|postgres-connections|queue-wait|session-servers|shared-cap:|database-clients:|user-clients:poolkit_app)/;

/** Limits on clients besides `max_client_conn`. */
const clientLimits = {
  database: `pgbouncer.databases.${databaseName}.max_db_client_connections`,
  role: `pgbouncer.users.${roles.app}.max_user_client_connections`,
  "every database": "pgbouncer.max_db_client_connections",
  "every role": "pgbouncer.max_user_client_connections",
} as const;

const seldom = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(fc.constant(undefined), fc.constant(undefined), arbitrary);
const whole = (min: number, max: number) => fc.integer({ min, max });

/** Draws around the edges: most limits lie a little above or below what they have to hold. */
export const samples: fc.Arbitrary<Sample> = fc
  .record({
    maxConnections: fc.constantFrom(...serverSizes),
    otherReplicas: whole(0, 2),
    surge: whole(1, 2),
    isOwn: fc.boolean(),
    processes: whole(1, 2),
    probeClients: whole(0, 2),
    connectionLimit: whole(1, 8),
    otherClients: fc.oneof(fc.constant(0), whole(1, 6)),
    // 0 = no limit: then PgBouncer opens one for every client.
    poolSize: fc.oneof({ weight: 9, arbitrary: whole(1, 8) }, { weight: 1, arbitrary: fc.constant(0) }),
    rolesPoolSize: seldom(whole(1, 6)),
    sessionEdge: seldom(whole(-2, 3)),
    jobs: seldom(fc.record({ poolSize: whole(1, 3), reserve: whole(0, 1) })),
    hasPeer: fc.constantFrom(false, false, false, true),
    firstShare: fc.constantFrom(0.5, 0.75),
    reserve: whole(0, 3),
    cap: fc.option(whole(0, 4), { nil: undefined }),
    perUser: fc.boolean(),
    clientEdge: whole(-4, 20),
    ownClientEdge: fc.option(whole(-3, 9), { nil: undefined }),
    ownClientLimit: fc.constantFrom("database", "role", "every database", "every role"),
    connectionEdge: whole(-3, 15),
    transactionMilliseconds: fc.constantFrom(10, 20, 40, 80, 150, 300),
  })
  .map((drawn) => {
    const limits = {
      ...kitDeployment.limits,
      postgresMaxConnections: drawn.maxConnections,
      superuserReservedConnections: superuserReserved,
    };
    const deployment = { ...kitDeployment, probeClients: drawn.probeClients, limits };
    // An own application without a signal has one pool per process, and no probes of the kit.
    const application = drawn.isOwn ? { image: "shop:1", processes: drawn.processes } : {};
    const isSession = drawn.sessionEdge !== undefined;
    // A pool without a limit never fits a cap, which is no symptom.
    const isCapped = drawn.cap !== undefined && drawn.poolSize !== 0 && !isSession;
    const cap = isCapped ? drawn.poolSize + (drawn.cap ?? 0) : 0;
    const jobs = drawn.jobs && {
      pool_size: drawn.jobs.poolSize,
      reserve_pool_size: drawn.jobs.reserve,
      pool_mode: "transaction",
    };
    // As many as open its pool with the reserve: only then it can be seen whether they fit.
    const jobsClients = drawn.jobs === undefined ? 0 : drawn.jobs.poolSize + drawn.jobs.reserve;
    const own = {
      ...(isSession ? { pool_mode: "session" } : {}),
      ...(drawn.perUser || cap === 0 ? {} : { max_db_connections: cap }),
    };
    const role = {
      ...(drawn.perUser && cap > 0 ? { max_user_connections: cap } : {}),
      ...(drawn.rolesPoolSize === undefined || isSession ? {} : { pool_size: drawn.rolesPoolSize }),
    };
    const databases = { [databaseName]: own, ...(jobs ? { [jobsName]: jobs } : {}) };
    const peers = drawn.hasPeer ? { peer_id: 1, peers: { 2: { host: "127.0.0.1" } } } : {};
    const settings = {
      max_client_conn: 3000,
      max_db_connections: 0,
      default_pool_size: drawn.poolSize,
      reserve_pool_size: drawn.reserve,
      // Time-compressed: the kit's presets wait 3 to 20 s.
      query_wait_timeout: 1.2,
      reserve_pool_timeout: 0.2,
      server_connect_timeout: 1,
      server_login_retry: 0.2,
      client_login_timeout: 5,
    };
    const anyMode: SizingInput = {
      presetName: "prod",
      databaseName,
      overrides: { connectionLimit: drawn.connectionLimit },
      pgbouncer: { ...settings, ...peers, databases, users: { [roles.app]: role } },
      budget: {
        otherReplicas: drawn.otherReplicas,
        surge: drawn.surge,
        otherClients: drawn.otherClients + jobsClients,
        transactionMilliseconds: drawn.transactionMilliseconds,
      },
      application,
      observability: false,
    };
    const rest = { deployment, jobsClients, firstShare: drawn.firstShare };
    const working = total(applicationClients(pathOf({ input: anyMode, ...rest })));
    // In session mode a server for every client, or nearly.
    const servers = Math.max(1, working + (drawn.sessionEdge ?? 0) - drawn.reserve);
    const wide = isSession
      ? withFix(anyMode, { path: `pgbouncer.databases.${databaseName}.pool_size`, value: servers })
      : anyMode;
    const used = (id: string) => total(checkOf({ input: wide, ...rest }, id).left);
    const free = total(checkOf({ input: wide, ...rest }, "postgres-connections").right);
    const otherConnections = Math.max(0, free - used("postgres-connections") - drawn.connectionEdge);
    const clients = used("pgbouncer-clients");
    const { ownClientEdge: edge } = drawn;
    const limit = edge === undefined ? undefined : Math.max(1, working + edge);
    const input: SizingInput = {
      ...wide,
      pgbouncer: {
        ...wide.pgbouncer,
        max_client_conn: Math.max(5, clients + drawn.clientEdge),
      },
      budget: { ...wide.budget, otherConnections },
    };
    const path = clientLimits[drawn.ownClientLimit];
    return { input: limit === undefined ? input : withFix(input, { path, value: limit }), ...rest };
  })
  // What else the budget has to say (a cap below the pool) shows no symptom and is not under test here.
  .filter((sample) => others(sample).length === 0);

export function prediction({ input, deployment }: Sample): Prediction {
  const checks = budgetOf(input, deployment).budget.checks.filter(({ id }) => provable.test(id));
  const refused = checks.filter((check) => !holds(check)).map(({ id }) => id);
  const margins = checks.map((check) => [check.id, total(check.right) - total(check.left)]);
  return { refused, margins: Object.fromEntries(margins) };
}

function others({ input, deployment }: Sample): readonly Check[] {
  const { budget, problems } = budgetOf(input, deployment);
  // Such a file could not even be written.
  if (problems.length > 0) throw new Error(`drawn, but not allowed: ${JSON.stringify(problems)}`);
  return budget.checks.filter(
    (check) => check.severity === "refuse" && !provable.test(check.id) && !holds(check),
  );
}

export function pathOf({ input, deployment }: Sample): ConnectionPath {
  return connectionPath(input, resolveSizing(input).sizing, deployment);
}

function checkOf({ input, deployment }: Sample, id: string): Check {
  const check = budgetOf(input, deployment).budget.checks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`the account has no ${id}`);
  return check;
}
