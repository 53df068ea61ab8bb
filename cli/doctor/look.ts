import type Docker from "dockerode";
import { type EngineNames, roles } from "../../infra/names.ts";
import { engineClient } from "../engine.ts";
import { type Probe, probeHealth } from "../health-probe.ts";
import { bounded, type Looked } from "./bounded.ts";
import type { Deployed } from "./deployed.ts";
import {
  type Component,
  type ContainerSeen,
  type DiskSeen,
  type EngineSeen,
  lookAtBackends,
  lookAtContainer,
  lookAtDisk,
  lookAtEngine,
  lookAtOutOfMemory,
  type Observer,
  observers,
} from "./look-engine.ts";
import { lookAtLogin, lookAtPath, type PathSeen } from "./look-path.ts";
import { lookAtPgBouncer, type PgBouncerSeen } from "./look-pgbouncer.ts";
import { lookAtPostgres, type PostgresSeen } from "./look-postgres.ts";

/** Milliseconds for one look. With the state's 4.5 s before it and the start of the command, all ends within 10 s. */
const lookLimit = 4_000;
/** Longer than the application's own promise to answer within 2 s. */
const healthLimit = 3_500;

/** Everything seen from the deployer's side. null: the state has no address for it, so nobody looked. */
export interface Observation {
  readonly engine: Looked<EngineSeen>;
  readonly containers: Readonly<Record<Component, Looked<ContainerSeen | null>>>;
  /** Only those that the last `up` deployed. */
  readonly observers: Readonly<Partial<Record<Observer, Looked<ContainerSeen | null>>>>;
  readonly outOfMemory: Looked<readonly { readonly container: string; readonly secondsAgo: number }[]>;
  readonly disk: Looked<DiskSeen>;
  readonly backends: Looked<readonly string[]>;
  readonly console: Looked<PgBouncerSeen> | null;
  readonly postgres: Looked<PostgresSeen> | null;
  readonly path: Looked<PathSeen> | null;
  readonly login: Looked<true> | null;
  readonly health: Probe | null;
  readonly deployed: Looked<Deployed>;
}

type EngineLooks = Pick<Observation, "engine" | "containers" | "outOfMemory" | "disk" | "backends">;
type DatabaseLooks = Pick<Observation, "console" | "postgres" | "path" | "login" | "health">;

/**
 * Looks at everything side by side. `deployed` may still be on its way; the engine is asked where the state says that
 * the stack is, or else where DOCKER_HOST does.
 */
export async function look(names: EngineNames, deployed: Promise<Looked<Deployed>>): Promise<Observation> {
  const [engineLooks, state, databaseLooks, observers] = await Promise.all([
    deployed.then((state) => lookThroughEngine(names, state.ok ? state.seen.dockerHost : undefined)),
    deployed,
    deployed.then(lookAtDatabase),
    deployed.then((looked) => lookAtObservers(names, looked)),
  ]);
  return { ...engineLooks, ...databaseLooks, observers, deployed: state };
}

async function lookAtObservers(
  names: EngineNames,
  deployed: Looked<Deployed>,
): Promise<Observation["observers"]> {
  if (!deployed.ok) return {};
  const { containers, dockerHost } = deployed.seen;
  const limited = looksThrough(dockerHost);
  const looks = observers
    .filter((observer) => containers.includes(names[observer]))
    .map(async (observer) => [observer, await limited((engine) => lookAtContainer(engine, observer, names))]);
  return Object.fromEntries(await Promise.all(looks));
}

/** Looks through the engine at `host`. Its client is made within the look, because it refuses an address that is none. */
function looksThrough(host: string | undefined) {
  return <Seen>(use: (engine: Docker) => Promise<Seen>) =>
    bounded(lookLimit, async () => await use(engineClient(host, { timeout: lookLimit })));
}

async function lookThroughEngine(names: EngineNames, host: string | undefined): Promise<EngineLooks> {
  const limited = looksThrough(host);
  const container = (component: Component) => limited((engine) => lookAtContainer(engine, component, names));
  const [postgres, pgbouncer, app, engine, outOfMemory, disk, backends] = await Promise.all([
    ...([container("postgres"), container("pgbouncer"), container("app")] as const),
    limited(lookAtEngine),
    limited((client) => lookAtOutOfMemory(client, names)),
    limited((client) => lookAtDisk(client, names.postgres, "/var/lib/postgresql")),
    limited((client) => lookAtBackends(client, names.postgres)),
  ]);
  return { engine, containers: { postgres, pgbouncer, app }, outOfMemory, disk, backends };
}

async function lookAtDatabase(deployed: Looked<Deployed>): Promise<DatabaseLooks> {
  if (!deployed.ok) return { console: null, postgres: null, path: null, login: null, health: null };
  const { outputs, schema } = deployed.seen;
  const { consoleUrl, monitorUrl, databaseUrl, healthUrl, healthToken, healthFormat } = outputs;
  const limited = <Seen>(use: (signal: AbortSignal) => Promise<Seen>) => bounded(lookLimit, use);
  const [console, postgres, path, login, health] = await Promise.all([
    consoleUrl === undefined ? null : limited((signal) => lookAtPgBouncer(consoleUrl, signal)),
    monitorUrl === undefined ? null : limited((signal) => lookAtPostgres(monitorUrl, roles.app, signal)),
    databaseUrl === undefined ? null : limited((signal) => lookAtPath(databaseUrl, schema, signal)),
    databaseUrl === undefined || monitorUrl === undefined
      ? null
      : limited((signal) => lookAtLogin(databaseUrl, monitorUrl, signal)),
    healthUrl === undefined || healthToken === undefined
      ? null
      : probeHealth({ healthUrl, healthToken, healthFormat }, healthLimit),
  ]);
  return { console, postgres, path, login, health };
}

/** The looks under the names that the report gives them. */
export function looksOf(seen: Observation): [string, Looked<unknown> | null][] {
  const all = { ...seen.containers, ...seen.observers };
  const containers = Object.entries(all).map(([component, looked]): [string, Looked<unknown>] => [
    `container ${component}`,
    looked,
  ]);
  return [
    ["state", seen.deployed],
    ["engine", seen.engine],
    ...containers,
    ["pgbouncer console", seen.console],
    ["postgres", seen.postgres],
    ["way through pgbouncer", seen.path],
    ["direct login", seen.login],
    ["disk", seen.disk],
    ["out of memory", seen.outOfMemory],
  ];
}
