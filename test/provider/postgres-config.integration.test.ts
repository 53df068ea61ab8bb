import type Docker from "dockerode";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freePort } from "../support/free-port.ts";
import { engineAvailable } from "../support/postgres18.ts";
import { projectImage } from "./support/images.ts";
import { makePlace, type Place } from "./support/place.ts";
import {
  keptAfter,
  type Properties,
  revealed,
  secret,
  startPlugin,
  type TestPlugin,
  visible,
} from "./support/plugin.ts";
import { scramVerifier } from "./support/scram.ts";

const type = "PostgresConfig";
const password = "canary-superuser-51c2";
const settings = {
  listen_addresses: "*",
  unix_socket_directories: "/tmp",
  max_connections: "20",
  work_mem: "4MB",
  statement_timeout: "1min",
  fsync: "off",
};
const hba = ["host all all 0.0.0.0/0 scram-sha-256", "local all postgres peer"];

describe.skipIf(!(await engineAvailable()))("PostgresConfig on a running Postgres", () => {
  let plugin: TestPlugin;
  let place: Place;
  let container: Docker.Container;
  let image: string;
  let state: Properties;
  let current: Properties;
  let currentPassword = password;

  beforeAll(async () => {
    image = await projectImage("postgres");
    place = await makePlace();
    plugin = await startPlugin();
    current = inputs({});
    ({ state } = await plugin.create(type, current));
    container = await place.start(image, 5432, "/var/lib/postgresql");
    await vi.waitFor(() => sql("SELECT 1"), { timeout: 60_000, interval: 200 });
  });
  afterAll(async () => {
    await plugin?.stop();
    await place?.remove();
  });

  function inputs(more: Record<string, string>, others: Properties = {}): Properties {
    return {
      volumeName: place.volumeName,
      containerName: place.containerName,
      image,
      uid: 999,
      gid: 999,
      settings: { ...settings, ...more },
      hba,
      superuserVerifier: secret(scramVerifier(currentPassword)),
      connection: {
        host: "127.0.0.1",
        port: place.hostPort,
        database: "postgres",
        user: "postgres",
        password: secret(currentPassword),
      },
      ...others,
    };
  }

  /** `inputs` with another login of the superuser. */
  function withLogin(wanted: Properties, login: Properties, verifier: string): Properties {
    const connection = { ...(wanted.connection as Properties), ...login };
    return { ...wanted, superuserVerifier: secret(verifier), connection };
  }

  async function sql(text: string): Promise<Record<string, unknown>[]> {
    const login = { host: "127.0.0.1", port: place.hostPort, user: "postgres", database: "postgres" };
    const client = new pg.Client({ ...login, password: currentPassword, connectionTimeoutMillis: 2000 });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  async function up(news: Properties): Promise<Record<string, string>> {
    const differences = await plugin.diff(type, state, current, news);
    state = await plugin.update(type, "id", state, current, news);
    current = news;
    return differences;
  }

  async function drift(): Promise<Record<string, string>> {
    const found = await plugin.read(type, "id", state, current);
    return plugin.diff(type, found.state, found.inputs, current);
  }

  async function startedAt(): Promise<string> {
    return (await container.inspect()).State.StartedAt;
  }

  it("finds nothing to do right after the first start, whatever the units", async () => {
    expect(await drift()).toEqual({});
    expect(Object.values(await place.files()).map(({ owner, mode }) => `${owner} ${mode}`)).toEqual(
      Array(3).fill("999:999 400"),
    );
  });

  it("changes a setting live, without a restart", async () => {
    const before = await startedAt();
    expect(await up(inputs({ work_mem: "8MB" }))).toEqual({ "settings.work_mem": "UPDATE" });
    expect(await sql("SHOW work_mem")).toEqual([{ work_mem: "8MB" }]);
    expect(await startedAt()).toBe(before);
  });

  it("restarts once for a setting that needs it, and says so", async () => {
    const before = await startedAt();
    await up(inputs({ work_mem: "8MB", max_connections: "30" }));
    expect(await sql("SHOW max_connections")).toEqual([{ max_connections: "30" }]);
    expect(await startedAt()).not.toBe(before);
    expect(plugin.messages.join("\n")).toMatch(/is restarted: max_connections/);
  });

  it.each([
    [
      "a value",
      () => inputs({ work_mem: "many" }),
      /poolkit.conf line \d+: .*|work_mem: wanted many, running 8MB/,
    ],
    [
      "an unknown setting",
      () => inputs({ wrok_mem: "8MB" }),
      /wrok_mem: wanted 8MB, running nothing of that name/,
    ],
    [
      "a line of pg_hba.conf",
      () => inputs({}, { hba: [...hba, "host all all nonsense scram"] }),
      /pg_hba.conf line 3/,
    ],
    ["memory that it cannot have", () => inputs({ shared_buffers: "900GB" }), /the server ended: .*memory/],
    [
      "a pg_hba.conf that locks the deployer out",
      () => inputs({}, { hba: ["local all all trust"] }),
      /cannot read it back/,
    ],
  ])("puts the former files back when Postgres refuses %s", async (_, wrong, message) => {
    const before = await place.files();
    const refused = plugin.update(type, "id", state, current, wrong());
    await expect(refused).rejects.toThrow(/the former configuration is back/);
    await expect(refused).rejects.toThrow(message);
    expect(await place.files()).toEqual(before);
    await vi.waitFor(() => sql("SELECT 1"), { timeout: 10_000 });
  });

  it("sees ALTER SYSTEM-like drift, edited files and changed access rules, and repairs them", async () => {
    const conf = (await place.files())["poolkit.conf"]?.content ?? "";
    await place.edit("poolkit.conf", conf.replace("'8MB'", "'9MB'"), 999);
    await place.edit("pg_hba.conf", "host all all 0.0.0.0/0 trust\n", 999);
    expect(await drift()).toEqual({ "settings.work_mem": "UPDATE", hba: "UPDATE" });
    await up(current);
    expect(await drift()).toEqual({});
    await sql("ALTER SYSTEM SET work_mem = '16MB'");
    await sql("SELECT pg_reload_conf()");
    await vi.waitFor(async () => expect(await drift()).toEqual({ "settings.work_mem": "UPDATE" }));
    await up(current);
    expect(await drift()).toEqual({});
    expect(await sql("SHOW work_mem")).toEqual([{ work_mem: "8MB" }]);
    expect(plugin.messages.join("\n")).toMatch(/ALTER SYSTEM had set work_mem; that is taken back/);
  });

  it("has read what an update wrote that was killed before its reload, although a refresh found it as wanted", async () => {
    const before = current;
    const conf = (await place.files())["poolkit.conf"]?.content ?? "";
    await place.edit("poolkit.conf", conf.replace("'8MB'", "'9MB'"), 999);
    const found = await plugin.read(type, "id", state, current);
    expect(await plugin.diff(type, found.state, found.inputs, found.inputs)).toEqual({ sha256: "UPDATE" });
    state = await plugin.update(type, "id", found.state, found.inputs, found.inputs);
    expect(await sql("SHOW work_mem")).toEqual([{ work_mem: "9MB" }]);
    current = found.inputs;
    expect(await drift()).toEqual({});
    await up(before);
  });

  it("names the file of a mistake that somebody else has made", async () => {
    const [place] = await sql(
      "SELECT setting || '/postgresql.auto.conf' AS auto FROM pg_settings WHERE name = 'data_directory'",
    );
    const program = (command: string) =>
      sql(`COPY (SELECT 'wrok_mem = 8') TO PROGRAM '${command} ${place?.auto}'`);
    await program("cat >>");
    try {
      const refused = plugin.update(type, "id", state, current, current);
      await expect(refused).rejects.toThrow(
        /postgresql\.auto\.conf line \d+: unrecognized configuration parameter/,
      );
      await expect(refused).rejects.not.toThrow(/poolkit\.conf line/);
    } finally {
      await program("cat > /dev/null; : >");
      await sql("SELECT pg_reload_conf()");
    }
    await up(current);
  });

  it("changes the superuser's password of an existing cluster", async () => {
    const former = current;
    currentPassword = "canary-superuser-2nd";
    const news = inputs({ work_mem: "8MB", max_connections: "30" });
    await plugin.update(type, "id", state, former, news);
    // And once more from the former state, as after an `up` that was cut when the password had changed.
    state = await plugin.update(type, "id", state, former, news);
    current = news;
    expect(await sql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(await drift()).toEqual({});
  });

  it("takes the former password back with the former files, and so the next one finds the way in", async () => {
    const other = "canary-superuser-3rd";
    const wrong = inputs({ wrok_mem: "8MB" });
    const refused = withLogin(wrong, { password: secret(other) }, scramVerifier(other));
    await expect(plugin.update(type, "id", state, current, refused)).rejects.toThrow(
      "the former configuration is back",
    );
    expect(await sql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("takes it back when the change is cancelled, too, and says so in the state", async () => {
    const other = "canary-superuser-4th";
    const wrong = inputs({ work_mem: "many" });
    const cancelled = withLogin(wrong, { password: secret(other) }, scramVerifier(other));
    const second = await startPlugin();
    try {
      const update = second.update(type, "id", state, current, cancelled).catch((error: unknown) => error);
      await vi.waitFor(() => expect(sql("SELECT 1")).rejects.toThrow("authentication failed"));
      await second.cancel();
      const verifierOf = (properties: Properties = {}) => revealed(properties.superuserVerifier ?? null);
      expect(verifierOf(keptAfter(await update)?.state)).toBe(verifierOf(current));
    } finally {
      await second.stop();
    }
    expect(await sql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await up(inputs({ work_mem: "8MB", max_connections: "30" }));
  });

  it("takes another password while the port that a later container publishes changes, too", async () => {
    currentPassword = "canary-superuser-5th";
    const wanted = inputs({ work_mem: "8MB", max_connections: "30" });
    await up(withLogin(wanted, { port: await freePort() }, scramVerifier(currentPassword)));
    expect(await sql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    await up(wanted);
  });

  it.each(["another password", "no password"])(
    "gives the superuser its password again, which has %s by another hand",
    async (what) => {
      await sql(`ALTER ROLE postgres PASSWORD ${what === "no password" ? "NULL" : "'canary-by-hand'"}`);
      await expect(sql("SELECT 1")).rejects.toThrow("authentication failed");
      const found = await plugin.read(type, "id", state, current);
      expect(await plugin.diff(type, found.state, found.inputs, current)).toEqual({
        superuserVerifier: "UPDATE",
      });
      state = await plugin.update(type, "id", found.state, found.inputs, current);
      expect(await sql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
      expect(await drift()).toEqual({});
    },
  );

  it("says both when psql inside is refused, too, and shows no verifier", async () => {
    const closed = inputs({ work_mem: "8MB", max_connections: "30" }, { hba: hba.slice(0, 1) });
    await up(closed);
    await sql("ALTER ROLE postgres PASSWORD 'canary-by-hand'");
    const found = await plugin.read(type, "id", state, current);
    const repair = () => plugin.update(type, "id", found.state, found.inputs, closed);
    const refused = repair();
    await expect(refused).rejects.toThrow(
      /password authentication failed.*psql inside .*no pg_hba.conf entry for host "\[local\]"/s,
    );
    await expect(refused).rejects.not.toThrow(/SCRAM-SHA-256\$/);
    // The way in that is left: the line in the file, by hand.
    await place.edit("pg_hba.conf", hba.map((line) => `${line}\n`).join(""), 999);
    await container.kill({ signal: "SIGHUP" });
    state = await vi.waitFor(repair, { timeout: 10_000 });
    await up(inputs({ work_mem: "8MB", max_connections: "30" }));
    expect(await sql("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("keeps secrets out of everything that is not marked secret", async () => {
    const read = await plugin.read(type, "id", state, current);
    const shown = JSON.stringify([state, read.state, read.inputs].map(visible));
    expect(shown).not.toContain("SCRAM-SHA-256$");
    expect(shown).not.toContain(currentPassword);
    expect((await container.logs({ stdout: true, stderr: true })).toString()).not.toContain("SCRAM-SHA-256$");
  });

  it("reads back under the former address while the container still has that one", async () => {
    const wanted = inputs({ work_mem: "5MB", max_connections: "30" });
    const moved = { ...wanted, connection: { ...(wanted.connection as Properties), port: await freePort() } };
    await plugin.update(type, "id", state, current, moved);
    expect(await sql("SHOW work_mem")).toEqual([{ work_mem: "5MB" }]);
    await up(current);
  });

  it("makes no cluster from a volume whose files were emptied", async () => {
    const emptied = await makePlace();
    try {
      for (const name of ["poolkit.conf", "pg_hba.conf"]) await emptied.edit(name, "# as it was\n", 999);
      await emptied.edit("superuser-verifier", "", 999);
      const started = await emptied.start(image, 5432, "/var/lib/postgresql");
      expect(await started.wait()).toMatchObject({ StatusCode: 78 });
      const log = (await started.logs({ stdout: true, stderr: true })).toString();
      expect(log).toMatch(/superuser-verifier is missing, empty or not readable .* run pulumi up --refresh/);
    } finally {
      await emptied.remove();
    }
  });

  it("compares files only while the container is stopped", async () => {
    await container.stop();
    expect(await drift()).toEqual({});
    await container.start();
  });
});
