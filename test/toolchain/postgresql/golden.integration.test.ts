import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineAvailable, type Postgres18, startPostgres18 } from "../../support/postgres18.ts";
import type { Case } from "./golden/json.ts";
import { Plugin } from "./golden/plugin.ts";
import { type Bench, replay } from "./golden/replay.ts";
import { type Engine, type Ports, startEngine, startPorts } from "./golden/surroundings.ts";

const root = new URL("../../../", import.meta.url);
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, root), "utf8"));

const cases: Case[] = readJson("test/data/postgresql-3.18.1.golden.json");
const listed: Array<{ id: string; reason: string }> = readJson(
  "toolchain/plugins/postgresql/differences.json",
);

/** What the official plugin answered to 199 series of requests, asked of the fallback plugin. */
describe.skipIf(!(await engineAvailable()))(
  "the fallback postgresql plugin against the official one's record",
  () => {
    let server: Postgres18 | undefined;
    let engine: Engine | undefined;
    let ports: Ports | undefined;
    let plugin: Plugin | undefined;

    beforeAll(async () => {
      // One round of hashing instead of 4096: the replay logs in some thousand times.
      server = await startPostgres18({ initdbArgs: ["--locale=C", "--set=scram_iterations=1"] });
      engine = await startEngine();
      ports = await startPorts();
      const executable = fileURLToPath(
        new URL("toolchain/plugins/postgresql/pulumi-resource-postgresql", root),
      );
      plugin = await Plugin.start(executable, engine.address);
    });

    afterAll(async () => {
      await plugin?.stop();
      ports?.stop();
      engine?.stop();
      await server?.stop();
    });

    const bench = (): Bench => {
      if (!server || !engine || !ports || !plugin) throw new Error("the bench did not start");
      return { server, engine, ports, plugin };
    };

    it.each(cases)("$id: $title", async (recorded) => {
      const differences = await replay(bench(), recorded);
      const known = listed.find(({ id }) => id === recorded.id);
      if (known)
        expect(differences, "equal now: take it out of differences.json and the README").not.toEqual([]);
      else expect(differences).toEqual([]);
    });

    it("drops a database on the one connection that it may have, without knowing the server's version", async () => {
      const { plugin, server } = bench();
      const { host, port, password } = server;
      const args = { host, port: String(port), username: "postgres", password, sslmode: "disable" };
      await plugin.call("configure", { args: { ...args, maxConnections: "1" } });
      const target = { type: "postgresql:index/database:Database", name: "single" };
      const properties = { name: "single_connection", allowConnections: true, connectionLimit: -1 };
      expect(await plugin.call("create", { ...target, properties })).toMatchObject({ id: properties.name });
      await plugin.call("configure", { args: { ...args, maxConnections: "1" } }); // knows nothing again
      expect(await plugin.call("delete", { ...target, id: properties.name, properties })).toEqual({});
    });

    it("every listed difference is a recorded case and has a reason", () => {
      const ids = cases.map(({ id }) => id);
      expect(listed.filter(({ id, reason }) => !ids.includes(id) || reason === "")).toEqual([]);
    });
  },
);
