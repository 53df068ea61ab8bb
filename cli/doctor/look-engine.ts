import type Docker from "dockerode";
import {
  appAlias,
  type EngineNames,
  pgbouncerAlias,
  pgbouncerExporterAlias,
  postgresAlias,
  postgresExporterAlias,
  prometheusAlias,
} from "../../infra/names.ts";

/** The containers of a stack. */
export const components = ["postgres", "pgbouncer", "app"] as const;
export type Component = (typeof components)[number];

/** Those of a stack with `poolkit:observability`. */
export const observers = ["prometheus", "pgbouncerExporter", "postgresExporter"] as const;
export type Observer = (typeof observers)[number];

/** Name under which the others of the stack's network find a container (infra: `alias`). */
const aliases: Readonly<Record<Component | Observer, string>> = {
  postgres: postgresAlias,
  pgbouncer: pgbouncerAlias,
  app: appAlias,
  prometheus: prometheusAlias,
  pgbouncerExporter: pgbouncerExporterAlias,
  postgresExporter: postgresExporterAlias,
};

/** What the engine says of itself. */
export interface EngineSeen {
  readonly version: string;
  /** How far its clock is ahead of ours, in seconds. */
  readonly clockAheadSeconds: number;
}

/** One container as the engine has it; null: there is none of that name. */
export interface ContainerSeen {
  readonly name: string;
  readonly state: "running" | "paused" | "restarting" | "stopped";
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Restarts by the engine's restart policy since the container was made. */
  readonly restarts: number;
  /** Since it was started or, when it does not run, since it ended. */
  readonly sinceSeconds: number;
  /** Whether the image's health check passes; false without one and before its first. */
  readonly isHealthy: boolean;
  /** The last output of the image's health check when that fails, else null. */
  readonly failingCheck: string | null;
  readonly network: string;
  readonly isOnNetwork: boolean;
  readonly alias: string;
  readonly hasAlias: boolean;
  /** By whose first twelve digits PgBouncer knows Postgres. */
  readonly id: string;
  /** Its IPv4 address in the stack's network; null without one. */
  readonly address: string | null;
  readonly openFilesLimit: number | null;
  /** Last lines of its log when it does not run. */
  readonly lastLines: readonly string[];
  /** Used share of its memory limit, file cache not counted; null where it does not run. */
  readonly memory: { readonly usedBytes: number; readonly limitBytes: number } | null;
}

export async function lookAtEngine(engine: Docker): Promise<EngineSeen> {
  const before = Date.now();
  const info: { ServerVersion?: string; SystemTime?: string } = await engine.info();
  const middle = (before + Date.now()) / 2;
  const ahead = info.SystemTime === undefined ? 0 : (Date.parse(info.SystemTime) - middle) / 1000;
  return { version: info.ServerVersion ?? "", clockAheadSeconds: ahead };
}

/** @throws what the engine answers, except that there is no such container */
export async function lookAtContainer(
  engine: Docker,
  component: Component | Observer,
  names: EngineNames,
): Promise<ContainerSeen | null> {
  const name = names[component];
  const container = engine.getContainer(name);
  const inspected = await container.inspect().catch(unlessAbsent);
  if (inspected === null) return null;
  const { State, HostConfig, NetworkSettings, RestartCount } = inspected;
  const attached = Object.hasOwn(NetworkSettings.Networks, names.network)
    ? NetworkSettings.Networks[names.network]
    : undefined;
  const checks = State.Health?.Status === "unhealthy" ? State.Health.Log : [];
  const running = State.Running && !State.Restarting && !State.Paused;
  const [lastLines, memory] = await Promise.all([
    running ? [] : logTail(container),
    running ? memoryOf(container) : null,
  ]);
  return {
    name,
    state: State.Restarting ? "restarting" : State.Paused ? "paused" : State.Running ? "running" : "stopped",
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    restarts: RestartCount,
    sinceSeconds: secondsSince(running ? State.StartedAt : State.FinishedAt),
    isHealthy: running && State.Health?.Status === "healthy",
    failingCheck: checks.length > 0 ? (checks.at(-1)?.Output ?? "") : null,
    network: names.network,
    isOnNetwork: attached !== undefined,
    alias: aliases[component],
    hasAlias: attached?.Aliases?.includes(aliases[component]) ?? false,
    id: inspected.Id,
    address: attached?.IPAddress || null,
    openFilesLimit: HostConfig.Ulimits?.find(({ Name }) => Name === "nofile")?.Soft ?? null,
    lastLines,
    memory,
  };
}

/** Times at which a container of the stack ran out of memory lately, as far back as the engine remembers. */
export async function lookAtOutOfMemory(
  engine: Docker,
  names: EngineNames,
): Promise<{ readonly container: string; readonly secondsAgo: number }[]> {
  const now = Math.floor(Date.now() / 1000);
  const container = [...components, ...observers].map((component) => names[component]);
  const events = await engine.getEvents({
    since: now - 3600,
    until: now,
    filters: JSON.stringify({ event: ["oom"], container }),
  });
  const lines = (await textOf(events)).split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => {
    const event: { time: number; Actor?: { Attributes?: Record<string, string> } } = JSON.parse(line);
    return { container: event.Actor?.Attributes?.name ?? "", secondsAgo: Math.max(0, now - event.time) };
  });
}

/** Free and used space of the file system that holds a folder of a running container. */
export interface DiskSeen {
  readonly usedBytes: number;
  readonly availableBytes: number;
}

/** The engine knows no free space, so `df` looks from inside the container. */
export async function lookAtDisk(engine: Docker, containerName: string, folder: string): Promise<DiskSeen> {
  const exec = await engine
    .getContainer(containerName)
    .exec({ Cmd: ["df", "-kP", folder], AttachStdout: true, AttachStderr: true, Env: ["LC_ALL=C"] });
  const stream = await exec.start({ hijack: false });
  return diskIn(unframed(await bytesOf(stream)));
}

/** Reads POSIX `df -kP`: 1024-byte blocks, one line for the one file system asked for. */
export function diskIn(text: string): DiskSeen {
  const [, , used, available] =
    text
      .trim()
      .split("\n")
      .at(-1)
      ?.match(/\s+(\d+)\s+(\d+)\s+(\d+)\s+\d+%/) ?? [];
  if (used === undefined || available === undefined) throw new Error(`df answered ${JSON.stringify(text)}`);
  return { usedBytes: Number(used) * 1024, availableBytes: Number(available) * 1024 };
}

/** Sessions of Postgres by user and state, from the titles of its processes: visible without any free connection. */
export async function lookAtBackends(engine: Docker, containerName: string): Promise<string[]> {
  const { Processes }: { Processes: string[][] } = await engine
    .getContainer(containerName)
    .top({ ps_args: "-eo pid,args" });
  return Processes.flatMap((row) => backendIn(row.at(-1) ?? "") ?? []);
}

/** `postgres: USER DATABASE HOST(PORT) STATE` → `USER: STATE`; undefined for processes of the server itself. */
export function backendIn(title: string): string | undefined {
  const [, user, state] = /^postgres: (\S+) \S+ \S+\(\d+\) (.+)$/.exec(title) ?? [];
  return user === undefined ? undefined : `${user}: ${state}`;
}

async function memoryOf(container: Docker.Container): Promise<ContainerSeen["memory"]> {
  const { memory_stats: memory } = await container.stats({ stream: false, "one-shot": true });
  const cache = memory?.stats?.inactive_file ?? memory?.stats?.total_inactive_file ?? 0;
  if (!(memory?.limit > 0)) return null;
  return { usedBytes: Math.max(0, memory.usage - cache), limitBytes: memory.limit };
}

async function logTail(container: Docker.Container): Promise<string[]> {
  const frames = await container.logs({ stdout: true, stderr: true, tail: 20, follow: false });
  return unframed(frames)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Without a terminal every piece of output has a header of 8 bytes, whose last four are its length. */
function unframed(frames: Buffer): string {
  let text = "";
  for (let at = 0; at + 8 <= frames.length; at += 8 + frames.readUInt32BE(at + 4)) {
    text += frames.toString("utf8", at + 8, at + 8 + frames.readUInt32BE(at + 4));
  }
  return text;
}

async function bytesOf(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  return (await bytesOf(stream)).toString();
}

function secondsSince(time: string): number {
  return Math.max(0, (Date.now() - Date.parse(time)) / 1000);
}

function unlessAbsent(error: unknown): null {
  if (error instanceof Error && "statusCode" in error && error.statusCode === 404) return null;
  throw error;
}
