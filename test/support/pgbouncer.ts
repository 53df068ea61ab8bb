import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import pg from "pg";
import { ensureTestImage, textArchive } from "./docker-image.ts";

/**
 * PgBouncer on the project's base image; packages are verified, only the age of the index is not. It ends by itself
 * after an hour: then its test run was killed before it could clean up.
 */
const DOCKERFILE = `FROM ${process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim"}
RUN apt-get -o Acquire::Check-Valid-Until=false update -qq \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgbouncer >/dev/null \\
 && rm -rf /var/lib/apt/lists/*
USER nobody
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh", "-c", "(sleep 3600; kill -INT $$) & exec pgbouncer /run/test/pgbouncer.ini"]
`;
const READY_TIMEOUT_MS = 30_000;
const ADMIN = { user: "test_admin", password: "test-admin" };

/** Builds the image unless it is there; returns its tag. */
export function ensurePgBouncerImage(docker: Docker): Promise<string> {
  return ensureTestImage(docker, "poolkit-test-pgbouncer", DOCKERFILE);
}

/** How to make a PgBouncer. */
export interface PgBouncerOptions {
  /** Lines of the [databases] section: name to connection string. */
  readonly databases: Readonly<Record<string, string>>;
  /** The [pgbouncer] section, besides what a test always needs. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Role to password or SCRAM verifier. */
  readonly userlist: Readonly<Record<string, string>>;
}

/** A running PgBouncer on a random loopback port. */
export interface PgBouncer {
  readonly port: number;
  readonly container: Docker.Container;
  /** Runs one command on the admin console and returns its rows. */
  console(command: string): Promise<Record<string, unknown>[]>;
  /** Removes the container. */
  stop(): Promise<void>;
}

/**
 * Starts a PgBouncer of its own in a container. Call `stop()` in `afterAll` or `finally`.
 * @throws Error with the end of its log when it does not come up.
 */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const docker = new Docker();
  const container = await docker.createContainer({
    Image: await ensurePgBouncerImage(docker),
    Labels: { "poolkit.test": "pgbouncer" },
    ExposedPorts: { "6432/tcp": {} },
    HostConfig: { PortBindings: { "6432/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] } },
  });
  const stop = async () => {
    await container.remove({ force: true, v: true });
  };
  try {
    const files = {
      "run/test/pgbouncer.ini": renderTestIni(options),
      "run/test/userlist.txt": userlist(options),
    };
    await container.putArchive(await textArchive(files), { path: "/" });
    await container.start();
    const { NetworkSettings } = await container.inspect();
    const port = Number(NetworkSettings.Ports["6432/tcp"]?.[0]?.HostPort);
    const onConsole = (command: string) => runOnConsole(port, command);
    await waitUntilReady(container, onConsole);
    return { port, container, console: onConsole, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function renderTestIni({ databases, settings }: PgBouncerOptions): string {
  const section = (name: string, entries: Readonly<Record<string, string>>) =>
    [`[${name}]`, ...Object.entries(entries).map(([key, value]) => `${key} = ${value}`)].join("\n");
  const common = {
    listen_addr: "*",
    listen_port: "6432",
    unix_socket_dir: "",
    auth_type: "scram-sha-256",
    auth_file: "/run/test/userlist.txt",
    admin_users: ADMIN.user,
    pool_mode: "transaction",
    server_login_retry: "1",
    ...settings,
  };
  return `${section("databases", databases)}\n${section("pgbouncer", common)}\n`;
}

function userlist({ userlist: roles }: PgBouncerOptions): string {
  return Object.entries({ ...roles, [ADMIN.user]: ADMIN.password })
    .map(([role, secret]) => `"${role}" "${secret}"\n`)
    .join("");
}

async function runOnConsole(port: number, command: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: "127.0.0.1", port, ...ADMIN, database: "pgbouncer" });
  client.on("error", () => {}); // a console that is cut off also fails the query below
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(command)).rows;
  } finally {
    await client.end().catch(() => {}); // never connected: nothing to end
  }
}

async function waitUntilReady(
  container: Docker.Container,
  onConsole: (command: string) => Promise<unknown>,
): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await onConsole("SHOW VERSION");
      return;
    } catch (error) {
      const { State } = await container.inspect();
      if (!State.Running || Date.now() > deadline) {
        const log = await container.logs({ stdout: true, stderr: true, tail: 20 });
        throw new Error(`PgBouncer did not come up (${String(error)}): ${log.toString("utf8")}`);
      }
    }
    await sleep(100);
  }
}
