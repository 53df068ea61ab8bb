import fc from "fast-check";
import { budgetOf } from "../../infra/budget/budget.ts";
import { type Check, holds, total } from "../../infra/budget/check.ts";
import { applicationClients } from "../../infra/budget/client-checks.ts";
import { type ConnectionPath, connectionPath } from "../../infra/budget/connection-path.ts";
import { type Deployment, kitDeployment } from "../../infra/budget/deployment.ts";
import { resolveSizing, type SizingInput } from "../../infra/sizing.ts";

/** One configuration to prove, scaled down so that hundreds of them run in minutes. */
export interface Sample {
  readonly input: SizingInput;
  readonly deployment: Deployment;
}

/** What the budget says about it. */
export interface Prediction {
  /** Ids of the inequalities under test that do not hold. */
  readonly refused: readonly string[];
  /** The smallest distance to a limit, negative when refused: in clients, connections or seconds of the check. */
  readonly margins: Readonly<Record<string, number>>;
}

/** `max_connections` of the servers that the samples run on: a change needs a restart, so there are only these. */
export const serverSizes = [24, 32] as const;
export const superuserReserved = 3;
export const databaseName = "poolkit";

/** The inequalities that a load can break; the others are about timers and rules of thumb. */
const provable =
  /^(pgbouncer-clients|postgres-connections|queue-wait|database-clients:|user-clients:poolkit_app)/;

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
    poolSize: whole(1, 8),
    reserve: whole(0, 3),
    cap: fc.option(whole(0, 4), { nil: undefined }),
    perUser: fc.boolean(),
    clientEdge: whole(-4, 20),
    ownClientEdge: fc.option(whole(-3, 9), { nil: undefined }),
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
    const cap = drawn.cap === undefined ? 0 : drawn.poolSize + drawn.cap;
    const settings = {
      max_client_conn: 3000,
      max_db_connections: drawn.perUser ? 0 : cap,
      default_pool_size: drawn.poolSize,
      reserve_pool_size: drawn.reserve,
      // Time-compressed: the kit's presets wait 3 to 20 s.
      query_wait_timeout: 1.2,
      reserve_pool_timeout: 0.2,
      server_connect_timeout: 1,
      server_login_retry: 0.2,
      client_login_timeout: 5,
    };
    const wide: SizingInput = {
      presetName: "prod",
      databaseName,
      overrides: { connectionLimit: drawn.connectionLimit },
      pgbouncer: { ...settings, users: drawn.perUser ? { poolkit_app: { max_user_connections: cap } } : {} },
      budget: {
        otherReplicas: drawn.otherReplicas,
        surge: drawn.surge,
        otherClients: drawn.otherClients,
        transactionMilliseconds: drawn.transactionMilliseconds,
      },
      application,
      observability: false,
    };
    const used = (id: string) => total(checkOf({ input: wide, deployment }, id).left);
    const free = total(checkOf({ input: wide, deployment }, "postgres-connections").right);
    const otherConnections = Math.max(0, free - used("postgres-connections") - drawn.connectionEdge);
    const clients = used("pgbouncer-clients");
    const working = total(applicationClients(pathOf({ input: wide, deployment })));
    const ownLimit =
      drawn.ownClientEdge === undefined
        ? {}
        : {
            databases: {
              [databaseName]: {
                max_db_client_connections: Math.max(1, working + drawn.ownClientEdge),
              },
            },
          };
    const input: SizingInput = {
      ...wide,
      pgbouncer: { ...wide.pgbouncer, ...ownLimit, max_client_conn: Math.max(5, clients + drawn.clientEdge) },
      budget: { ...wide.budget, otherConnections },
    };
    return { input, deployment };
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
  const { budget } = budgetOf(input, deployment);
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
