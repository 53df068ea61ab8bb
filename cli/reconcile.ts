import type Docker from "dockerode";
import pg from "pg";
import { count } from "./doctor/text.ts";
import { engineClient, enginePlace } from "./engine.ts";
import { capturePulumi, pulumiMessage, runPulumiStep } from "./pulumi.ts";
import {
  type Administration,
  administrationIn,
  containers,
  containerType,
  dockerHostIn,
  failedInPostgres,
  isCut,
  type PendingCreate,
  parseState,
  pendingCreates,
  pendingUpdates,
  type StackState,
  withCreatesSettled,
} from "./stack-state.ts";
import { UserError } from "./user-error.ts";

/** How the state was told. */
export interface Reconciled {
  /** Pulumi's exit code. */
  readonly code: number;
  /** What to look at once the update has brought its container back; then to update once more. */
  readonly unread: readonly string[];
}

/**
 * Tells the state what it cannot know, where that would make the next update fail or do nothing: what a killed update had
 * made (its names are taken), containers that were removed or stopped by hand (with Postgres gone, a full refresh cannot
 * read the roles in it), and what there is after an update that failed in Postgres or was killed while it changed
 * something. Does nothing, and asks Pulumi nothing more, for a stack that is as it should be.
 */
export async function reconcile(stack: string): Promise<Reconciled> {
  const exported = await capturePulumi(["stack", "export", "--stack", stack]);
  if (exported.code !== 0) throw new UserError(pulumiMessage(exported.stderr));
  const state = parseState(exported.stdout);
  const unsure = [...failedInPostgres(state), ...pendingUpdates(state)];
  const made = await madeByKilledUpdate(stack, state);
  const gone = await goneContainers(state);
  const changed = [...made, ...gone];
  if (changed.length > 0) {
    return { code: await refresh(stack, changed), unread: unsure };
  }
  if (unsure.length > 0) {
    process.stderr.write("poolkit: the last update did not come to its end; looking at what it had done\n");
    // Where what it changed does not answer, the update itself may be what mends that.
    await refresh(stack, unsure);
  }
  return { code: 0, unread: [] };
}

/**
 * What a destroy has to know after a killed update: what that had made, and may still use what is to be removed. Its helper
 * containers (provider: writing files into a volume) are in no state. Returns Pulumi's exit code.
 */
export async function reconcileForDestroy(stack: string): Promise<number> {
  const exported = await capturePulumi(["stack", "export", "--stack", stack]);
  // The destroy says why.
  if (exported.code !== 0) return 0;
  const state = parseState(exported.stdout);
  if (!isCut(state)) return 0;
  const made = await madeByKilledUpdate(stack, state);
  await removeHelpers(stack, engineOf(state));
  return made.length > 0 ? refresh(stack, made) : 0;
}

async function removeHelpers(stack: string, { client }: Engine): Promise<void> {
  const filters = { label: ["poolkit.helper", `poolkit.stack=${stack}`] };
  const helpers = await client.listContainers({ all: true, filters });
  await Promise.all(helpers.map(({ Id }) => client.getContainer(Id).remove({ force: true, v: true })));
}

/** The containers that should run and do not. */
async function goneContainers(state: StackState): Promise<string[]> {
  const engine = engineOf(state);
  const looked = await Promise.all(
    containers(state).map(async ({ urn, id }) => ((await isRunning(engine, id)) ? [] : [urn])),
  );
  const gone = looked.flat();
  if (gone.length > 0) {
    const what = count(gone.length, "container was", "containers were");
    process.stderr.write(`poolkit: ${what} removed or stopped by hand; telling the state\n`);
  }
  return gone;
}

/** Of the creates that a killed update left pending, the URNs of those that had come to be; the state is rid of the rest. */
async function madeByKilledUpdate(stack: string, state: StackState): Promise<string[]> {
  const creates = pendingCreates(state);
  if (creates.length === 0) return [];
  process.stderr.write("poolkit: the last update was interrupted; looking for what it had made\n");
  return settleCreates(stack, state, creates);
}

/** Writes the state without pending creates; returns the URNs of those that had come to be. */
async function settleCreates(
  stack: string,
  state: StackState,
  creates: readonly PendingCreate[],
): Promise<string[]> {
  const readable = await capturePulumi(["stack", "export", "--show-secrets", "--stack", stack]);
  if (readable.code !== 0) throw new UserError(pulumiMessage(readable.stderr));
  const administration = administrationIn(parseState(readable.stdout));
  const engine = engineOf(state);
  const made = new Map<string, string>();
  for (const create of creates) {
    const id = await idOf(create, engine, administration);
    if (id !== undefined) made.set(create.urn, id);
  }
  const settled = JSON.stringify(withCreatesSettled(state, made));
  const { code, stderr } = await capturePulumi(["stack", "import", "--stack", stack], settled);
  if (code !== 0)
    throw new UserError(`the state of the interrupted update cannot be mended: ${pulumiMessage(stderr)}`);
  return [...made.keys()];
}

export function refresh(stack: string, urns: readonly string[]): Promise<number> {
  const targets = urns.flatMap((urn) => ["--target", urn]);
  return runPulumiStep(["refresh", "--stack", stack, "--yes", "--skip-preview", ...targets]);
}

/** The engine that the stack is on, asked for what may be absent. */
interface Engine {
  readonly client: Docker;
  readonly place: string;
}

function engineOf(state: StackState): Engine {
  const host = dockerHostIn(state);
  return { client: engineClient(host), place: enginePlace(host) };
}

async function isRunning(engine: Engine, id: string): Promise<boolean> {
  const container = await found(engine, engine.client.getContainer(id).inspect());
  return container?.State.Running ?? false;
}

/** The provider's id of what a create made, or undefined when it made nothing or making it again is harmless. */
async function idOf(
  { type, name }: PendingCreate,
  engine: Engine,
  administration: Administration | undefined,
): Promise<string | undefined> {
  switch (type) {
    case containerType:
      return (await found(engine, engine.client.getContainer(name).inspect()))?.Id;
    case "docker:index/network:Network":
      return (await found(engine, engine.client.getNetwork(name).inspect()))?.Id;
    case "docker:index/volume:Volume":
      // Making it again is harmless, but a destroy removes only what it knows.
      return (await found(engine, engine.client.getVolume(name).inspect()))?.Name;
    case "postgresql:index/role:Role":
      return serverId("SELECT 1 FROM pg_roles WHERE rolname = $1", name, administration);
    case "postgresql:index/database:Database":
      return serverId("SELECT 1 FROM pg_database WHERE datname = $1", name, administration);
    default:
      return undefined;
  }
}

async function found<T>({ place }: Engine, inspected: Promise<T>): Promise<T | undefined> {
  try {
    return await inspected;
  } catch (error) {
    const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
    if (status === 404) return undefined;
    const message = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `Docker Engine does not answer at ${place}: ${message}; start it, or set DOCKER_HOST, and run this again`,
    );
  }
}

async function serverId(
  query: string,
  name: string,
  administration: Administration | undefined,
): Promise<string | undefined> {
  if (administration === undefined) return undefined;
  const { username, ...address } = administration;
  // The person's PGSSLMODE must not reach in.
  const client = new pg.Client({ ...address, user: username, ssl: false, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    return (await client.query(query, [name])).rowCount === 0 ? undefined : name;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "no answer";
    const { host, port } = address;
    throw new UserError(
      `Postgres does not answer at ${host}:${port} (${reason}); start its container and run this again`,
    );
  } finally {
    await client.end();
  }
}
