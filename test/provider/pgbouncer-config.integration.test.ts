import Docker from "dockerode";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { mergePgBouncerSettings } from "../../pgbouncer/merge.ts";
import { freePort } from "../support/free-port.ts";
import { engineAvailable, type Postgres18, startPostgres18 } from "../support/postgres18.ts";
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

const type = "PgBouncerConfig";
const password = "canary-password-7f3a";
const verifier = scramVerifier(password);
const base = mergePgBouncerSettings({ preset: {}, user: {} }).settings;

describe.skipIf(!(await engineAvailable()))("PgBouncerConfig on a running PgBouncer", () => {
  let server: Postgres18;
  let plugin: TestPlugin;
  let place: Place;
  let pgbouncer: Docker.Container;
  let image: string;
  let databaseHost: string;
  let state: Properties;
  let current: Properties;

  beforeAll(async () => {
    image = await projectImage("pgbouncer/image");
    server = await startPostgres18();
    const { NetworkSettings } = await new Docker().getContainer(server.containerId).inspect();
    databaseHost = NetworkSettings.Networks.bridge?.IPAddress ?? "";
    await onServer(`CREATE ROLE poolkit_app LOGIN PASSWORD '${verifier}'`);
    place = await makePlace();
    plugin = await startPlugin();
    current = inputs({});
    ({ state } = await plugin.create(type, current));
    pgbouncer = await place.start(image, 6432);
    await untilReady();
  });
  afterAll(async () => {
    await plugin?.stop();
    await place?.remove();
    await server?.stop();
  });

  /** Where the files lie, and the console of who reads them. */
  function target(): Properties {
    return {
      volumeName: place.volumeName,
      containerName: place.containerName,
      image,
      uid: 65532,
      gid: 65532,
      console: { host: "127.0.0.1", port: place.hostPort, user: "poolkit_admin", password: secret(password) },
    };
  }

  function inputs(user: Record<string, string>, more: Properties = {}): Properties {
    return {
      ...target(),
      settings: mergePgBouncerSettings({ preset: { default_pool_size: 5 }, user }).settings,
      databases: { poolkit: { host: databaseHost, port: "5432", dbname: "postgres", pool_size: "3" } },
      userlist: secret({ poolkit_app: verifier, poolkit_admin: verifier, poolkit_monitor: verifier }),
      ...more,
    };
  }

  async function onServer(sql: string): Promise<void> {
    const client = new pg.Client({
      host: server.host,
      port: server.port,
      user: "postgres",
      password: server.password,
    });
    await client.connect();
    await client.query(sql);
    await client.end();
  }

  async function client(user: string, database: string): Promise<pg.Client> {
    const made = new pg.Client({ host: "127.0.0.1", port: place.hostPort, user, password, database });
    await made.connect();
    return made;
  }

  async function onConsole(command: string): Promise<Record<string, string>[]> {
    const console = await client("poolkit_admin", "pgbouncer");
    try {
      return (await console.query(command)).rows;
    } finally {
      await console.end();
    }
  }

  async function running(key: string): Promise<string | undefined> {
    return (await onConsole("SHOW CONFIG")).find((row) => row.key === key)?.value;
  }

  async function limitOfApp(): Promise<string | undefined> {
    return (await onConsole("SHOW USERS")).find((row) => row.name === "poolkit_app")?.max_user_connections;
  }

  /** Of a server connection, as a new client sees it. */
  async function zone(): Promise<unknown> {
    const asked = await client("poolkit_app", "poolkit");
    try {
      return (await asked.query("SHOW timezone")).rows[0]?.TimeZone;
    } finally {
      await asked.end();
    }
  }

  async function untilReady(): Promise<void> {
    await vi.waitFor(() => onConsole("SHOW VERSION"), { timeout: 20_000, interval: 100 });
  }

  /** What `pulumi up` does with new inputs: the difference, then the update. */
  async function up(news: Properties): Promise<Record<string, string>> {
    const differences = await plugin.diff(type, state, current, news);
    state = await plugin.update(type, "id", state, current, news);
    current = news;
    return differences;
  }

  /** What `pulumi refresh` does, then the difference that `pulumi preview` shows against the same program. */
  async function drift(): Promise<Record<string, string>> {
    const found = await plugin.read(type, "id", state, current);
    return plugin.diff(type, found.state, found.inputs, current);
  }

  it("writes both files for the container's user alone and leaves no helper behind", async () => {
    const files = await place.files();
    expect(Object.keys(files).sort()).toEqual(["pgbouncer.ini", "userlist.txt"]);
    for (const file of Object.values(files))
      expect(file).toMatchObject({ owner: "65532:65532", mode: "400" });
    expect(await place.leftovers()).toEqual([]);
  });

  it("finds nothing to do right after it was applied", async () => {
    expect(await drift()).toEqual({});
  });

  it("changes settings live: the open client stays usable and PgBouncer runs the new value", async () => {
    const open = await client("poolkit_app", "poolkit");
    try {
      await open.query("SELECT 1");
      expect(await up(inputs({ default_pool_size: "30" }))).toEqual({
        "settings.default_pool_size": "UPDATE",
      });
      expect(await running("default_pool_size")).toBe("30");
      expect((await open.query("SELECT 2 AS two")).rows).toEqual([{ two: 2 }]);
    } finally {
      await open.end();
    }
    expect(await drift()).toEqual({});
  });

  it("keeps secrets out of everything that is not marked secret", async () => {
    const read = await plugin.read(type, "id", state, current);
    for (const shown of [state, read.state, read.inputs].map(visible)) {
      expect(JSON.stringify(shown)).not.toContain("SCRAM-SHA-256$");
      expect(JSON.stringify(shown)).not.toContain(password);
    }
    expect(revealed(read.inputs)).toMatchObject({
      userlist: { poolkit_app: verifier },
      console: { password },
    });
  });

  it("puts the former files back and says what PgBouncer did not take", async () => {
    const before = await place.files();
    const settings = {
      ...mergePgBouncerSettings({ preset: { default_pool_size: 7 }, user: {} }).settings,
      server_tls_sslmode: "require",
      server_tls_ciphers: "nonsense",
    };
    const limit = await limitOfApp();
    const users = { poolkit_app: { max_user_connections: "7" } };
    const refused = plugin.update(type, "id", state, current, inputs({}, { settings, users }));
    await expect(refused).rejects.toThrow(
      /did not take .* \(the former configuration is back\):.*RELOAD failed/s,
    );
    const after = await place.files();
    expect(after).toEqual(before);
    expect(await running("default_pool_size")).toBe("30");
    // PgBouncer had taken the role's entry before it met what it refuses.
    expect(await limitOfApp()).toBe(limit);
  });

  it("sees a setting changed with SET, of ours and of PgBouncer's, and repairs it", async () => {
    await onConsole("SET default_pool_size = 99");
    await onConsole("SET server_idle_timeout = 7");
    expect(await drift()).toEqual({
      "settings.default_pool_size": "UPDATE",
      "settings.server_idle_timeout": "DELETE",
    });
    await up(current);
    expect([await running("default_pool_size"), await running("server_idle_timeout")]).toEqual(["30", "600"]);
  });

  it("sees an edited file down to the key, also a second time, and repairs it", async () => {
    const ini = (await place.files())["pgbouncer.ini"]?.content ?? "";
    await place.edit(
      "pgbouncer.ini",
      `${ini.replace("stats_period = 15", "stats_period = 16")}[peers]\n1 = host=x\n`,
    );
    const found = await plugin.read(type, "id", state, current);
    expect(await plugin.diff(type, found.state, found.inputs, current)).toMatchObject({
      "settings.stats_period": "UPDATE",
    });
    const again = await plugin.read(type, "id", found.state, found.inputs);
    expect(Object.keys(await plugin.diff(type, again.state, again.inputs, current))).not.toEqual([]);
    await up(current);
    expect((await place.files())["pgbouncer.ini"]?.content).toBe(ini);
    expect(await drift()).toEqual({});
  });

  it("has read what an update wrote that was killed before its reload, although a refresh found it as wanted", async () => {
    const before = current;
    const ini = (await place.files())["pgbouncer.ini"]?.content ?? "";
    await place.edit("pgbouncer.ini", ini.replace(/stats_period = \d+/, "stats_period = 17"));
    const found = await plugin.read(type, "id", state, current);
    const wanted = found.inputs;
    expect(revealed(wanted)).toMatchObject({ settings: { stats_period: "17" } });
    expect(await plugin.diff(type, found.state, wanted, wanted)).toEqual({ sha256: "UPDATE" });
    state = await plugin.update(type, "id", found.state, wanted, wanted);
    expect(await running("stats_period")).toBe("17");
    current = wanted;
    expect(await drift()).toEqual({});
    await up(before);
  });

  it("refuses a change while it is paused: later it would go on as before", async () => {
    const container = new Docker().getContainer(place.containerName);
    const before = await place.files();
    await container.pause();
    try {
      const refused = plugin.update(type, "id", state, current, inputs({ stats_period: "18" }));
      await expect(refused).rejects.toThrow(/is paused .*docker unpause .*, then run `pulumi up` again/);
      expect(await place.files()).toEqual(before);
    } finally {
      await container.unpause();
    }
  });

  it("sees a changed user list without showing it, and repairs it", async () => {
    const userlist = (await place.files())["userlist.txt"]?.content ?? "";
    await place.edit("userlist.txt", `${userlist.replace('"poolkit_app"', '"eve"')}`);
    const differences = await drift();
    expect(differences).toEqual({ "userlist.eve": "DELETE", "userlist.poolkit_app": "ADD" });
    await up(current);
    expect((await place.files())["userlist.txt"]?.content).toContain(verifier);
  });

  it("lowers a limit on clients only when there are few enough, and drops nobody", async () => {
    const later = { lowersClientsLater: true };
    await up(inputs({ max_client_conn: "20" }));
    const open = await Promise.all(Array.from({ length: 12 }, () => client("poolkit_app", "poolkit")));
    try {
      await up(inputs({ max_client_conn: "8" }, later));
      // Who comes now still gets in, although the file has the new limit already.
      open.push(await client("poolkit_app", "poolkit"));
      expect(await running("max_client_conn")).toBe("20");
      expect((await place.files())["pgbouncer.ini"]?.content).toContain("max_client_conn = 8\n");
      expect(await drift()).toEqual({ "settings.max_client_conn": "UPDATE" });
      // What should have lowered them was not reached, and another change comes: still nobody is refused.
      await up(inputs({ max_client_conn: "8", stats_period: "17" }, later));
      expect([await running("max_client_conn"), await running("stats_period")]).toEqual(["20", "17"]);

      const heldAt = state.clientsHeldAt ?? "";
      const limits = { ...target(), heldAt, room: 2, patienceSeconds: 30 };
      const lowered = plugin.create("PgBouncerClientLimits", limits);
      open.push(await client("poolkit_app", "poolkit"));
      expect(await running("max_client_conn")).toBe("20");
      const gone = open.splice(0, 10);
      await Promise.all(gone.map((one) => one.end()));
      await lowered;
      expect(await running("max_client_conn")).toBe("8");
      for (const one of open) expect((await one.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    } finally {
      await Promise.all(open.map((one) => one.end()));
    }
    expect(await drift()).toEqual({});
    await up(inputs({ default_pool_size: "30" }));
  });

  it("lowers the limit on clients of a role whose entry is removed only then, too, and lets no change between forget it", async () => {
    const global = { default_pool_size: "30", max_user_client_connections: "8" };
    const users = { poolkit_app: { max_user_client_connections: "20", pool_size: "2" } };
    const limit = async () => {
      const app = (await onConsole("SHOW USERS")).find((row) => row.name === "poolkit_app");
      return [String(app?.max_user_client_connections), String(app?.pool_size)];
    };
    await up(inputs(global, { users }));
    const open = await Promise.all(Array.from({ length: 12 }, () => client("poolkit_app", "poolkit")));
    try {
      await up(inputs(global, { lowersClientsLater: true }));
      open.push(await client("poolkit_app", "poolkit"));
      expect(await limit()).toEqual(["20", ""]);
      expect((await place.files())["pgbouncer.ini"]?.content).not.toMatch(/^poolkit_app/m);
      expect(await drift()).toEqual({});
      await up(inputs({ ...global, stats_period: "17" }, { lowersClientsLater: true }));
      open.push(await client("poolkit_app", "poolkit"));
      expect(await limit()).toEqual(["20", ""]);
      const limits = { ...target(), heldAt: state.clientsHeldAt ?? "", room: 2, patienceSeconds: 30 };
      const before = await place.files();
      await plugin.create("PgBouncerClientLimits", limits);
      expect(await limit()).toEqual(["8", ""]);
      expect(await place.files()).toEqual(before);
      await expect(client("poolkit_app", "poolkit")).rejects.toThrow("max_user_client_connections");
      expect((await open[0]?.query("SELECT 1 AS one"))?.rows).toEqual([{ one: 1 }]);
    } finally {
      await Promise.all(open.map((one) => one.end()));
    }
    expect(await drift()).toEqual({});
    await up(inputs({ default_pool_size: "30" }));
  });

  it("restarts the container for a setting that needs it, and says so", async () => {
    await up(inputs({ default_pool_size: "30", listen_backlog: "512" }));
    expect(await running("listen_backlog")).toBe("512");
    expect(plugin.messages.join("\n")).toMatch(/is restarted, its clients reconnect: listen_backlog/);
  });

  it.each([
    [1, /terminated|closed|reset/],
    [60, /^done$/],
  ])("lets a transaction end within the %i s of its grace when it restarts", async (grace, outcome) => {
    const busy = await client("poolkit_app", "poolkit");
    busy.on("error", () => {});
    const running = busy.query("SELECT pg_sleep(4)").then(
      () => "done",
      (error: Error) => error.message,
    );
    await up(inputs({ listen_backlog: String(512 + grace) }, { restartGraceSeconds: grace }));
    expect(await running).toMatch(outcome);
    await busy.end().catch(() => {});
    await up(inputs({ default_pool_size: "30", listen_backlog: "512" }));
  });

  it("starts it again on the former files when it ends on the new ones", async () => {
    // A folder that does not exist: PgBouncer cannot make its socket and ends.
    const settings = { ...base, unix_socket_dir: "/nowhere" };
    const refused = plugin.update(type, "id", state, current, inputs({}, { settings }));
    await expect(refused).rejects.toThrow(
      /the former configuration is back.*PgBouncer ended: .*unix socket/s,
    );
    await untilReady();
    expect([await running("unix_socket_dir"), await running("listen_backlog")]).toEqual(["/tmp", "512"]);
  });

  it("starts it again on the former files when it does not answer after a restart on the new ones", {
    timeout: 180_000,
  }, async () => {
    // Another port than the container publishes: PgBouncer runs, and nobody reaches its console.
    const settings = { ...base, listen_port: "6433" };
    const refused = plugin.update(type, "id", state, current, inputs({}, { settings }));
    await expect(refused).rejects.toThrow(/the former configuration is back.*cannot read it back/s);
    expect([await running("listen_port"), await running("listen_backlog")]).toEqual(["6432", "512"]);
  });

  it("takes a role's limits back when its entry is removed, which PgBouncer does not do by itself", async () => {
    const before = await limitOfApp();
    const settings = { default_pool_size: "30", listen_backlog: "512" };
    await up(inputs(settings, { users: { poolkit_app: { max_user_connections: "7", pool_size: "2" } } }));
    expect(String(await limitOfApp())).toBe("7");
    await up(inputs(settings));
    expect(await limitOfApp()).toBe(before);
    expect(await drift()).toEqual({});
  });

  it("renews server connections that began with another time zone", async () => {
    const { databases } = current as { databases: { poolkit: Record<string, string> } };
    const tokyo = { databases: { poolkit: { ...databases.poolkit, timezone: "Asia/Tokyo" } } };
    expect(await zone()).not.toBe("Asia/Tokyo");
    const before = current;
    await up({ ...current, ...tokyo });
    await vi.waitFor(async () => expect(await zone()).toBe("Asia/Tokyo"));
    await up(before);
  });

  it("renews server connections when a trigger changes", async () => {
    const open = await client("poolkit_app", "poolkit");
    try {
      const backend = async () => (await open.query("SELECT pg_backend_pid() AS pid")).rows[0]?.pid;
      const before = await backend();
      await up({ ...current, reconnectTriggers: ["role settings v2"] });
      expect(await backend()).not.toBe(before);
    } finally {
      await open.end();
    }
  });

  it("still renews server connections when the change was cancelled before it did, also after a refresh", async () => {
    const other = await startPlugin();
    try {
      const { databases } = current as { databases: { poolkit: Record<string, string> } };
      const lagos = {
        ...current,
        databases: { poolkit: { ...databases.poolkit, timezone: "Africa/Lagos" } },
      };
      const before = await zone();
      // It takes the signal to reload when it goes on: until then nothing can be read back.
      await pgbouncer.kill({ signal: "SIGSTOP" });
      const cut = other.update(type, "id", state, current, lagos).catch((error: unknown) => error);
      await vi.waitFor(
        async () => expect((await place.files())["pgbouncer.ini"]?.content).toContain("Africa/Lagos"),
        { timeout: 10_000 },
      );
      await other.cancel();
      const left = keptAfter(await cut);
      if (left === undefined) throw new Error("nothing was handed to the state");
      await pgbouncer.kill({ signal: "SIGCONT" });
      await untilReady();
      expect(await zone()).toBe(before);
      // Of an update that failed half way Pulumi keeps the state, and the former inputs.
      const back = await plugin.diff(type, left.state, current, current);
      expect(Object.keys(back)).toEqual(["databases.poolkit.timezone", "reconnectTriggers"]);
      const found = await plugin.read(type, "id", left.state, current);
      const difference = await plugin.diff(type, found.state, found.inputs, lagos);
      expect(Object.keys(difference)).toEqual(["reconnectTriggers"]);
      state = await plugin.update(type, "id", found.state, found.inputs, lagos);
      await vi.waitFor(async () => expect(await zone()).toBe("Africa/Lagos"));
      const former = current;
      current = lagos;
      await up(former);
    } finally {
      await pgbouncer.kill({ signal: "SIGCONT" }).catch(() => {});
      await other.stop();
    }
  });

  it("may be read while it is changed, as by a preview with a refresh beside an update", async () => {
    const other = await startPlugin();
    try {
      const reads = async () => {
        for (let read = 0; read < 6; read++) await other.read(type, "id", state, current);
      };
      const changes = async () => {
        for (let change = 0; change < 4; change++) await up(inputs({ query_timeout: String(60 + change) }));
      };
      await Promise.all([reads(), changes()]);
      expect(await place.leftovers()).toEqual([]);
    } finally {
      await other.stop();
    }
    await up(inputs({}));
  });

  it("reads back under the former address while the container still has that one", async () => {
    const port = await freePort();
    const moved = {
      ...current,
      console: { host: "127.0.0.1", port, user: "poolkit_admin", password: secret(password) },
    };
    await plugin.update(type, "id", state, current, { ...moved, settings: { ...base, stats_period: "20" } });
    expect(await running("stats_period")).toBe("20");
    await up(current);
  });

  it("does so with another password, too, which holds from the reload on", async () => {
    const other = "canary-password-8a4b";
    const moved = {
      ...current,
      userlist: secret({
        ...{ poolkit_app: verifier, poolkit_monitor: verifier },
        poolkit_admin: scramVerifier(other),
      }),
      console: { host: "127.0.0.1", port: await freePort(), user: "poolkit_admin", password: secret(other) },
    };
    await up(moved);
    await expect(onConsole("SHOW VERSION")).rejects.toThrow("authentication failed");
    await up(inputs({}));
    expect(await drift()).toEqual({});
  });

  it("compares files only while the container is stopped", async () => {
    await pgbouncer.stop();
    try {
      expect(await drift()).toEqual({});
      expect(await up(inputs({ default_pool_size: "31" }))).toMatchObject({
        "settings.default_pool_size": "UPDATE",
      });
    } finally {
      await pgbouncer.start();
    }
    await untilReady();
    expect(await running("default_pool_size")).toBe("31");
  });

  it("empties the files when it is deleted, and is gone without its volume", async () => {
    const other = await makePlace();
    const wanted = { ...inputs({}), volumeName: other.volumeName, containerName: other.containerName };
    const made = await plugin.create(type, wanted);
    await plugin.delete(type, made.id, made.state, wanted);
    for (const { content } of Object.values(await other.files())) expect(content).toBe("");
    await other.remove();
    expect((await plugin.read(type, made.id, made.state, wanted)).id).toBe("");
    await plugin.delete(type, made.id, made.state, wanted);
  });
});
