import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { roles } from "../../infra/names.ts";
import { eventually, startLoad } from "../support/load.ts";
import { DataDisk, dataDiskPossible } from "./support/data-disk.ts";
import { doctorOf, healthOf } from "./support/doctor.ts";
import { engine } from "./support/engine.ts";
import { Project } from "./support/project.ts";
import { leaksIn, secretsOf } from "./support/secrets.ts";
import { TestStack } from "./support/stack.ts";

/** The doctor beside a real stack: what the application does wrong, and what its host lacks. */
const project = new Project();
let stack: TestStack;
const { doctor, doctorSees, nothingFound, allWell, printed } = doctorOf(project, () => stack);

beforeAll(async () => {
  stack = await TestStack.create(project, "dev", "host");
  // Only its own pool shows the application who keeps a connection.
  await stack.setPath("poolkit:overrides.enhancedPooling", "true");
  await stack.mustUp();
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

const superuser = async (sql: string) => {
  const url = new URL((await stack.outputs()).directDatabaseUrl);
  url.username = roles.superuser;
  url.password = stack.passwordOf(roles.superuser);
  return stack.sql(sql, url.href);
};

it("the clock of this machine is behind: clock_skew", async () => {
  const behind = join(project.directory, "behind.mjs");
  writeFileSync(
    behind,
    `const now = () => performance.timeOrigin + performance.now() - 60_000;
     globalThis.Date = class extends Date {
       constructor(...given) { super(...(given.length === 0 ? [now()] : given)); }
       static now() { return now(); }
     };`,
  );
  const { findings, code, all } = await doctor({ NODE_OPTIONS: `--import ${behind}` });
  expect(code, all).toBe(1);
  expect(findings).toMatchObject([{ severity: "warn", cause: "clock_skew" }]);
  expect(findings[0]?.evidence).toEqual([
    expect.stringMatching(/^the clock of Docker Engine is .* ahead of this machine's$/),
    expect.stringMatching(/^the clock of Postgres is .* ahead of this machine's$/),
  ]);
  await nothingFound();
});

it("more clients allowed than PgBouncer has descriptors for: descriptors_low", async () => {
  await stack.console("SET max_client_conn = 5000");
  const { findings } = await doctorSees("warn descriptors_low", "warn configuration_drift");
  const low = findings.find(({ cause }) => cause === "descriptors_low");
  expect(low?.evidence[0]).toMatch(
    /^PgBouncer may need 5\d\d\d descriptors \(max_client_conn 5000, .*its limit is 4096$/,
  );
  await stack.container("pgbouncer").kill({ signal: "HUP" });
  await nothingFound();
});

it("more requests than connections: app_pool_exhausted", async () => {
  const { url, apiToken } = await stack.outputs();
  // Every row that the application reads costs a while; PgBouncer has a server connection for each of its connections.
  await superuser(`CREATE POLICY slow ON app.chat_sessions USING (coalesce(pg_sleep(0.3)::text, '') = '');
    ALTER TABLE app.chat_sessions ENABLE ROW LEVEL SECURITY`);
  await stack.console("SET default_pool_size = 20");
  const load = startLoad(60, () =>
    fetch(`${url}/api/sessions`, { headers: { authorization: `Bearer ${apiToken}` } }),
  );
  try {
    const { findings } = await doctorSees("app_pool_exhausted");
    expect(findings.find(({ cause }) => cause === "app_pool_exhausted")?.command).toContain(
      "poolkit:overrides.connectionLimit 20",
    );
  } finally {
    await load.stop();
    await superuser(
      "ALTER TABLE app.chat_sessions DISABLE ROW LEVEL SECURITY; DROP POLICY slow ON app.chat_sessions",
    );
    await stack.container("pgbouncer").kill({ signal: "HUP" });
  }
  await allWell();
});

it.skipIf(!dataDiskPossible)("no byte free for the data: disk_full, and well again with space", async () => {
  const disk = await DataDisk.lay(stack, 400);
  try {
    await allWell();
    const makeRoom = disk.fill();
    const { findings, code } = await doctorSees("fail disk_full");
    expect(code).toBe(2);
    expect(findings[0]).toMatchObject({ severity: "fail", cause: "disk_full" });
    expect(findings[0]?.evidence[0]).toMatch(
      /^the file system of the data volume is (99|100) % full, 0 MB free$/,
    );
    makeRoom();
    await allWell();
  } finally {
    await disk.remove();
  }
  await allWell();
});

it("a transaction that the application never ends: app_pool_leak", async () => {
  const bundle = join(project.directory, "leaky.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "support/leaky-app.ts")],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    external: ["pg-native"],
    logLevel: "silent",
  });
  const { Config, HostConfig, NetworkSettings, Name } = await stack.container("app").inspect();
  const network = `poolkit-${stack.name}`;
  await stack.container("app").remove({ force: true });
  const leaky = await engine.createContainer({
    ...Config,
    name: Name.slice(1),
    Env: [...Config.Env, "DATABASE_LEAK_THRESHOLD=2"],
    HostConfig: { ...HostConfig, Binds: [...(HostConfig.Binds ?? []), `${bundle}:/app/server.mjs:ro`] },
    NetworkingConfig: {
      EndpointsConfig: { [network]: { Aliases: NetworkSettings.Networks[network]?.Aliases ?? [] } },
    },
  });
  try {
    await leaky.start();
    const isHealthy = () =>
      stack
        .health()
        .then(({ status }) => status === 200)
        .catch(() => false);
    await eventually(isHealthy, { what: "health of the application that leaks" });
    await leaky.kill({ signal: "SIGWINCH" });
    // Its threshold is 2 s here; health promises the cause 5 s after that at the latest.
    await expect.poll(() => healthOf(stack), { timeout: 7_000, interval: 50 }).toBe("app_pool_leak");
    const { findings } = await doctorSees("app_pool_leak");
    const { evidence } = findings.find(({ cause }) => cause === "app_pool_leak") ?? {};
    expect(evidence?.join()).toContain("kept without work");
  } finally {
    await leaky.remove({ force: true });
    await stack.mustUp("--refresh");
  }
  await allWell();
});

it("no secret was printed by anything above", () => {
  expect(printed.length).toBeGreaterThan(5);
  expect(leaksIn(printed.join("\n"), secretsOf(stack))).toEqual([]);
});
