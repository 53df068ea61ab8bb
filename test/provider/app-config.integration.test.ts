import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { ServiceError } from "@grpc/grpc-js";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../support/free-port.ts";
import { eventually } from "../support/load.ts";
import { engineAvailable } from "../support/postgres18.ts";
import { makePlace, type Place } from "./support/place.ts";
import { type Properties, secret, startPlugin, type TestPlugin, visible } from "./support/plugin.ts";

const type = "AppConfig";
const image = process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim";
const token = "canary-health-token-11";
const databaseUrl = "postgres://poolkit_app:canary-url-password@pgbouncer:6432/poolkit";

/**
 * Stands for the application: a container that counts its SIGHUPs, and an endpoint that reads the files again when one
 * more has come, which takes the token in them. It refuses DATABASE_CONNECTION_LIMIT = 0, as the application does.
 */
class FakeApp {
  readonly place: Place;
  readonly server: Server;
  container: Docker.Container | undefined;
  /** It does not hear its signals, until it does. */
  isDeaf = false;
  #seen = 0;
  #token = "";
  #revision = "";
  #lastError: string | null = null;

  constructor(place: Place) {
    this.place = place;
    this.server = createServer(async ({ headers }, response) => {
      await this.#reload();
      if (headers.authorization !== `Bearer ${this.#token}`) return response.writeHead(401).end();
      const configuration = { revision: this.#revision, lastError: this.#lastError };
      response.end(JSON.stringify({ status: "pass", cause: null, configuration }));
    });
  }

  async start(): Promise<void> {
    await this.#read();
    const script = "trap 'echo reloaded' HUP; trap 'echo asked' USR1; while :; do sleep 0.05; done";
    this.container = await new Docker().createContainer({
      name: this.place.containerName,
      Image: image,
      Cmd: ["sh", "-c", script],
      HostConfig: { Binds: [`${this.place.volumeName}:/run/poolkit:ro`] },
    });
    await this.container.start();
  }

  async #reload(): Promise<void> {
    const log = (await this.container?.logs({ stdout: true }))?.toString() ?? "";
    const signals = log.split("reloaded").length - 1;
    if (this.isDeaf || signals === this.#seen) return;
    this.#seen = signals;
    await this.#read();
  }

  async #read(): Promise<void> {
    const files = await this.place.files();
    const settings = JSON.parse(files["settings.json"]?.content ?? "{}");
    this.#lastError =
      settings.DATABASE_CONNECTION_LIMIT === "0" ? "DATABASE_CONNECTION_LIMIT: found 0" : null;
    if (this.#lastError !== null) return;
    this.#token = files["health-token"]?.content ?? "";
    const hash = createHash("sha256");
    const secrets = [
      "database-url",
      "monitor-url",
      "console-url",
      "health-token",
      "api-token",
      "metrics-token",
    ];
    for (const name of ["settings.json", ...secrets]) {
      hash.update(files[name]?.content ?? "").update("\0");
    }
    this.#revision = hash.digest("hex");
  }
}

describe.skipIf(!(await engineAvailable()))("AppConfig on a running application", () => {
  let plugin: TestPlugin;
  let place: Place;
  let app: FakeApp;
  let state: Properties;
  let current: Properties;

  beforeAll(async () => {
    place = await makePlace();
    plugin = await startPlugin();
    app = new FakeApp(place);
    app.server.listen(0, "127.0.0.1");
    await once(app.server, "listening");
    current = inputs("10");
    ({ state } = await plugin.create(type, current));
    await app.start();
  });
  afterAll(async () => {
    app?.server.close();
    await plugin?.stop();
    await place?.remove();
  });

  function inputs(limit: string, files: Record<string, string> = {}): Properties {
    const address = app.server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return {
      volumeName: place.volumeName,
      containerName: place.containerName,
      image,
      uid: 65532,
      gid: 65532,
      settings: { POOLKIT_PRESET: "dev", DATABASE_CONNECTION_LIMIT: limit },
      files: secret({ "database-url": databaseUrl, "health-token": token, ...files }),
      readBack: { url: `http://127.0.0.1:${port}/`, token: secret(token) },
    };
  }

  async function update(news: Properties): Promise<void> {
    state = await plugin.update(type, "id", state, current, news);
    current = news;
  }

  it("writes settings and secrets for the application's user alone", async () => {
    const files = await place.files();
    expect(Object.keys(files).sort()).toEqual(["database-url", "health-token", "settings.json"]);
    for (const file of Object.values(files))
      expect(file).toMatchObject({ owner: "65532:65532", mode: "400" });
    expect(JSON.parse(files["settings.json"]?.content ?? "")).toEqual({
      DATABASE_CONNECTION_LIMIT: "10",
      POOLKIT_PRESET: "dev",
    });
  });

  it("knows the revision before it is applied, and the application then runs it", async () => {
    const news = inputs("20");
    expect(await plugin.diff(type, state, current, news)).toEqual({
      "settings.DATABASE_CONNECTION_LIMIT": "UPDATE",
    });
    const { state: planned } = await plugin.create(type, news, true);
    await update(news);
    expect(state.revision).toBe(planned.revision);
  });

  it("puts the former files back and tells the application's reason when it refuses them", async () => {
    const before = await place.files();
    const refused = plugin.update(type, "id", state, current, inputs("0"));
    await expect(refused).rejects.toThrow(/it refused the files: DATABASE_CONNECTION_LIMIT: found 0/);
    await expect(refused).rejects.toThrow(/the former configuration is back/);
    expect(await place.files()).toEqual(before);
    await update(inputs("30"));
  });

  it("hands what it has written to the state when it is cancelled before that was read back", async () => {
    const other = await startPlugin();
    app.isDeaf = true;
    try {
      const cut = other.update(type, "id", state, current, inputs("40")).catch((error: unknown) => error);
      await eventually(async () => (await place.files())["settings.json"]?.content.includes('"40"') === true);
      await other.cancel();
      const { details, metadata } = (await cut) as ServiceError;
      expect(details).toMatch(/^cancelled before it was done; the next `pulumi up` goes on$/);
      // Going back to 30 is then a change, which it would not be from a state that still says 30.
      const status = String(metadata.get("grpc-status-details-bin")[0]);
      expect(status).toContain("pulumirpc.ErrorResourceInitFailed");
      expect(status).toContain("DATABASE_CONNECTION_LIMIT");
    } finally {
      app.isDeaf = false;
      await other.stop();
    }
    await update(inputs("30"));
  });

  it("sees edited settings by key and edited secrets without showing them", async () => {
    await place.edit(
      "settings.json",
      JSON.stringify({ POOLKIT_PRESET: "dev", DATABASE_CONNECTION_LIMIT: "99" }),
    );
    await place.edit("database-url", "postgres://eve@elsewhere/x");
    const found = await plugin.read(type, "id", state, current);
    expect(await plugin.diff(type, found.state, found.inputs, current)).toEqual({
      "settings.DATABASE_CONNECTION_LIMIT": "UPDATE",
      'files["database-url"]': "UPDATE",
    });
    expect(JSON.stringify(visible(found.inputs))).not.toContain("eve@elsewhere");
    await update(current);
    const repaired = await plugin.read(type, "id", state, current);
    expect(await plugin.diff(type, repaired.state, repaired.inputs, current)).toEqual({});
  });

  it("shows text that is no settings file as it is, and repairs it", async () => {
    await place.edit("settings.json", "not json");
    const found = await plugin.read(type, "id", state, current);
    expect(found.inputs).toMatchObject({ settings: { "settings.json": "not json" } });
    await update(current);
  });

  it("reads back with the new token under the former address while the container still has that one", async () => {
    const next = "canary-token-next";
    const news = {
      ...inputs("30", { "health-token": next }),
      readBack: { url: `http://127.0.0.1:${await freePort()}/`, token: secret(next) },
    };
    state = await plugin.update(type, "id", state, current, news);
    current = inputs("20");
    state = await plugin.update(type, "id", state, news, current);
  });

  it("sends another application the signal that it wants, or none, and reads nothing back", async () => {
    const container = new Docker().getContainer(place.containerName);
    const log = async () => (await container.logs({ stdout: true })).toString();
    const { readBack: _, ...plain } = inputs("40");
    const other = (limit: string, reloadSignal: string): Properties => ({
      ...plain,
      settings: { DATABASE_CONNECTION_LIMIT: limit },
      reloadSignal,
    });
    // What runs is still the former application: it gets its own signal.
    await update(other("41", "SIGUSR1"));
    expect(await log()).not.toContain("asked");
    await update(other("42", "none"));
    await eventually(async () => (await log()).includes("asked"), { what: "the signal" });
    const before = await log();
    await update(other("43", "none"));
    await update(other("44", "none"));
    expect(await log()).toBe(before);
    expect(JSON.parse((await place.files())["settings.json"]?.content ?? "")).toEqual({
      DATABASE_CONNECTION_LIMIT: "44",
    });
    await expect(update(other("45", "HUP; reboot"))).rejects.toThrow(
      "expected a signal such as SIGHUP, or none",
    );
  });

  it("keeps secrets out of everything that is not marked secret", async () => {
    const read = await plugin.read(type, "id", state, current);
    const shown = JSON.stringify([state, read.state, read.inputs].map(visible));
    expect(shown).not.toContain("canary");
  });
});
