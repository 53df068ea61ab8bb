import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import pg from "pg";
import { ensureTestImage, textArchive } from "./docker-image.ts";

/**
 * The test image: the server with contrib on the base image of the project. The apt option is there because the
 * mirror of a testing suite may lag; signatures are still verified.
 */
const DOCKERFILE = `FROM ${process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim"}
RUN apt-get -o Acquire::Check-Valid-Until=false update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-18 >/dev/null \\
 && rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/lib/postgresql/18/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/cluster/data
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh", "/run/postgres18/start"]
`;
/** After this a server ends by itself: its test run was killed before it could clean up. */
const MAX_SERVER_SECONDS = 3600;
const [LABEL, LABEL_VALUE] = ["poolkit.test", "postgres18"];
const READY_TIMEOUT_MS = 60_000;

/** How to make the server. */
export interface Postgres18Options {
  /** Arguments of initdb besides user, password and authentication; default `["--locale=C"]`. */
  initdbArgs?: string[];
  /** Server settings by their postgresql.conf names, besides what makes a throw-away server fast. */
  settings?: Record<string, string>;
  /** Size of the disk that holds the data directory and nothing else; default 2048. */
  diskMegabytes?: number;
}

/** A running server: superuser `postgres`, SCRAM over TCP on a random loopback port. */
export interface Postgres18 {
  host: string;
  port: number;
  password: string;
  containerId: string;
  /** Removes the container and its data. */
  stop(): Promise<void>;
}

/**
 * True when tests can use a Docker Engine. `POOLKIT_ENGINE=none` says no without asking; use it with
 * `describe.skipIf`, so that such tests are reported as skipped and never as passed.
 */
export async function engineAvailable(): Promise<boolean> {
  if (process.env.POOLKIT_ENGINE === "none") return false;
  return new Docker().ping().then(
    () => true,
    () => false,
  );
}

/** Builds the image unless it is there; returns its tag. */
export function ensurePostgres18Image(docker: Docker): Promise<string> {
  return ensureTestImage(docker, "poolkit-test-postgres18", DOCKERFILE);
}

/**
 * Starts a PostgreSQL 18 of its own in a container; the image is built on first use and kept under a tag that
 * follows from its Dockerfile. Call `stop()` in `afterAll` or `finally`.
 * @throws Error with the end of the container's log when the server does not come up.
 */
export async function startPostgres18(options: Postgres18Options = {}): Promise<Postgres18> {
  const docker = new Docker();
  await removeEnded(docker);
  const image = await ensurePostgres18Image(docker);
  const password = randomBytes(12).toString("hex");
  const container = await docker.createContainer({
    Image: image,
    Labels: { [LABEL]: LABEL_VALUE },
    ExposedPorts: { "5432/tcp": {} },
    HostConfig: {
      PortBindings: { "5432/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] },
      Tmpfs: { "/cluster": `mode=1777,size=${options.diskMegabytes ?? 2048}m` },
    },
  });
  const stop = async (): Promise<void> => {
    await container.remove({ force: true, v: true });
  };
  try {
    const files = { "run/postgres18/start": startScript(options), "run/postgres18/password": password };
    await container.putArchive(await textArchive(files), { path: "/" });
    await container.start();
    const { NetworkSettings } = await container.inspect();
    const port = Number(NetworkSettings.Ports["5432/tcp"]?.[0]?.HostPort);
    await waitUntilReady(container, port, password);
    return { host: "127.0.0.1", port, password, containerId: container.id, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Servers of killed test runs end by themselves but stay listed. Younger ones are another file's, which stopped them. */
async function removeEnded(docker: Docker): Promise<void> {
  const filters = { label: [`${LABEL}=${LABEL_VALUE}`], status: ["exited"] };
  for (const { Id, Created } of await docker.listContainers({ all: true, filters })) {
    if (Date.now() / 1000 - Created < MAX_SERVER_SECONDS) continue;
    await docker
      .getContainer(Id)
      .remove({ v: true })
      .catch(() => {}); // another run was faster
  }
}

function startScript(options: Postgres18Options): string {
  const settings = {
    listen_addresses: "*",
    unix_socket_directories: "/tmp",
    timezone: "UTC",
    max_connections: "200",
    fsync: "off",
    ...options.settings,
  };
  const initdb = ["--username=postgres", "--pwfile=/run/postgres18/password", "--auth=scram-sha-256"];
  const initdbArgs = [...initdb, ...(options.initdbArgs ?? ["--locale=C"])].map(shellQuote).join(" ");
  const server = Object.entries(settings).map(([name, value]) => `-c ${shellQuote(`${name}=${value}`)}`);
  return [
    "set -eu",
    `initdb ${initdbArgs} >/dev/null`,
    `echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"`,
    `(sleep ${MAX_SERVER_SECONDS}; kill -INT $$) &`,
    `exec postgres ${server.join(" ")}`,
    "",
  ].join("\n");
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function waitUntilReady(container: Docker.Container, port: number, password: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const client = new pg.Client({
      host: "127.0.0.1",
      port,
      user: "postgres",
      password,
      database: "postgres",
      connectionTimeoutMillis: 2000,
    });
    client.on("error", () => {}); // a connection cut while the server starts; the next attempt tells
    try {
      await client.connect();
      return;
    } catch (error) {
      const { State } = await container.inspect();
      if (!State.Running || Date.now() > deadline) {
        const log = await container.logs({ stdout: true, stderr: true, tail: 20 });
        throw new Error(`PostgreSQL did not come up (${String(error)}): ${log.toString("utf8")}`);
      }
    } finally {
      await client.end().catch(() => {}); // never connected: nothing to end
    }
    await sleep(200);
  }
}
