import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { readApplication } from "../../infra/application.ts";
import { type ApplicationForm, type FormArgs, ownForm, referenceForm } from "../../infra/application-form.ts";
import { roles } from "../../infra/names.ts";
import { presets } from "../../infra/presets.ts";

beforeAll(async () => {
  const mocks = {
    newResource: ({ name, inputs }: pulumi.runtime.MockResourceArgs) => ({ id: name, state: inputs }),
    call: () => ({}),
  };
  await pulumi.runtime.setMocks(mocks, "poolkit", "dev", false);
});

const login = (role: string) => ({
  role,
  password: pulumi.output(`pw-${role}`),
  verifier: pulumi.output("unused"),
});
const args = (): FormArgs => ({
  databaseName: "shop",
  sizes: presets.dev,
  logins: { app: login(roles.app), owner: login(roles.owner), monitor: login(roles.monitor) },
  healthToken: pulumi.output("health"),
  apiToken: pulumi.output("api"),
  metricsToken: pulumi.output("metrics"),
});

const filesOf = ({ files }: ApplicationForm) =>
  new Promise((resolve) => {
    pulumi.output(files).apply(resolve);
  });

function own(change: object): ApplicationForm {
  const application = readApplication({ image: "registry.example/shop:1", port: 8080, ...change }, []);
  if (application === undefined) throw new Error("no application");
  return ownForm(application, args());
}

const viaPooler = "postgresql://poolkit_app:pw-poolkit_app@pgbouncer:6432/shop";

describe("the reference application", () => {
  it("works through PgBouncer with its limits in the URL, and looks at Postgres and the console as the monitor", async () => {
    expect(await filesOf(referenceForm(args()))).toEqual({
      "database-url": `${viaPooler}?connection_limit=10&pool_timeout=30`,
      "monitor-url": "postgresql://poolkit_monitor:pw-poolkit_monitor@postgres:5432/shop",
      "console-url": "postgresql://poolkit_monitor:pw-poolkit_monitor@pgbouncer:6432/pgbouncer",
      "health-token": "health",
      "api-token": "api",
      "metrics-token": "metrics",
    });
  });
});

it("both get every URL as a secret", async () => {
  const given = [referenceForm(args()), own({ directUrlVariable: "DIRECT_URL" })];
  const urls = given.flatMap(({ files }) => Object.entries(files).filter(([name]) => name.endsWith("-url")));
  expect(urls).toHaveLength(5);
  for (const [name, url] of urls) expect(await pulumi.isSecret(pulumi.output(url)), name).toBe(true);
});

describe("an own application", () => {
  it("gets one URL, through PgBouncer and without parameters, and no other login", async () => {
    expect(await filesOf(own({}))).toEqual({ "database-url": viaPooler, "health-token": "health" });
  });

  it("gets the owner's direct URL only where it names a variable for it", async () => {
    const form = own({ directUrlVariable: "DIRECT_URL" });
    expect(await filesOf(form)).toMatchObject({
      "direct-url": "postgresql://poolkit_owner:pw-poolkit_owner@postgres:5432/shop",
    });
    expect(form.envs).toContain("DIRECT_URL_FILE=/run/poolkit/direct-url");
    expect(own({}).envs.join()).not.toContain("direct-url");
  });

  it("has the kit's variables and its own, in one order whatever it wrote first", () => {
    expect(own({ environment: { TZ: "UTC", A: "1" } }).envs).toEqual([
      "A=1",
      "DATABASE_URL_FILE=/run/poolkit/database-url",
      "HEALTH_TOKEN_FILE=/run/poolkit/health-token",
      "NODE_ENV=production",
      "POOLKIT_CONFIG_DIR=/run/poolkit",
      "PORT=8080",
      "TZ=UTC",
    ]);
  });

  it("is stopped by SIGTERM where another signal reloads it: the engine would take that one for a stop", () => {
    expect(own({ reloadSignal: "SIGHUP" })).toMatchObject({ reloadSignal: "SIGHUP", stopSignal: "SIGTERM" });
    expect(own({})).toMatchObject({ reloadSignal: "none", stopSignal: undefined });
  });

  it("runs as the user of its number, and is not asked for the revision of its files", () => {
    expect(own({ uid: 1234 })).toMatchObject({ uid: 1234, user: "1234:1234", reportsRevision: false });
  });
});
