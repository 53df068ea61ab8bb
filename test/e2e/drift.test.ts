import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { appSettings } from "../../infra/app-settings.ts";
import { postgresUid, roles } from "../../infra/names.ts";
import { postgresSettings } from "../../infra/postgres-settings.ts";
import { presets } from "../../infra/presets.ts";
import { renderConf } from "../../provider/resources/postgres-files.ts";
import { Project } from "./support/project.ts";
import { TestStack } from "./support/stack.ts";
import { getFile, putFile } from "./support/volume.ts";

/** Changes by hand, behind Pulumi's back: a preview with refresh shows exactly that, up repairs it, rows stay. */
const project = new Project();
let stack: TestStack;
const editedSettings = () => ({
  ...appSettings(stack.name, "prod", presets.prod),
  DATABASE_CONNECTION_LIMIT: "3",
});
const editedPostgresFile = renderConf({ ...postgresSettings, work_mem: "1MB" });

beforeAll(async () => {
  stack = await TestStack.create(project, "prod", "drift");
  await stack.mustUp();
  await stack.sql("CREATE TABLE app.kept (id int PRIMARY KEY); INSERT INTO app.kept VALUES (1), (2), (3)");
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

/** The resources that a preview plans to change, and the properties of each; a container that is made anew has none. */
type Planned = Readonly<Record<string, readonly string[]>>;

interface Drift {
  /** Everything done before one preview; each must be seen on its own. */
  readonly done: readonly (() => Promise<unknown>)[];
  /** Exactly what must be planned. */
  readonly planned: Planned;
}

const drifts: [string, Drift][] = [
  [
    "roles, a setting changed with SET, edited settings of the application and of Postgres",
    {
      done: [
        () => superuserSql(`ALTER ROLE ${roles.app} CONNECTION LIMIT 3`),
        () => superuserSql(`ALTER ROLE ${roles.app} IN DATABASE poolkit SET lock_timeout = '1s'`),
        () => stack.console("SET default_pool_size = 3"),
        () => putFile(stack, "app", "/run/poolkit/settings.json", JSON.stringify(editedSettings()), 65532),
        () => putFile(stack, "postgres", "/etc/poolkit/poolkit.conf", editedPostgresFile, postgresUid),
      ],
      planned: {
        "app-config": ["settings.DATABASE_CONNECTION_LIMIT"],
        "database-app": ["connectionLimit"],
        "database-app-settings": ["settings.lock_timeout"],
        "database-config": ["settings.work_mem"],
        "pooler-config": ["settings.default_pool_size"],
      },
    },
  ],
  [
    "PgBouncer's file edited, the application's container removed",
    {
      done: [
        async () => {
          const file = "/etc/poolkit/pgbouncer.ini";
          const edited = (await getFile(stack, "pgbouncer", file)).replace(
            /^(max_client_conn = ).*$/m,
            "$17",
          );
          await putFile(stack, "pgbouncer", file, edited, 65532);
        },
        () => stack.container("app").remove({ force: true }),
      ],
      planned: {
        "app-health": ["triggers.app"],
        "app-server": [],
        "pooler-config": ["settings.max_client_conn"],
      },
    },
  ],
  [
    "PgBouncer's container removed, the application's stopped",
    {
      done: [() => stack.container("pgbouncer").remove({ force: true }), () => stack.container("app").stop()],
      planned: {
        "app-health": ["triggers.app", "triggers.pgbouncer"],
        "app-server": ["mustRun", "ports"],
        "pooler-server": [],
      },
    },
  ],
];

describe("drift", () => {
  it.each(drifts)("%s: the preview shows exactly it, up repairs it", async (_what, { done, planned }) => {
    for (const change of done) await change();
    expect(await plan("--refresh")).toEqual(planned);
    await stack.mustUp("--refresh");
    await expectRowsAndHealth();
  });

  it("Postgres' container stopped: seen and repaired the documented way", async () => {
    await stack.container("postgres").stop();
    await stack.must(["refresh", "--yes", "--target", "**::database-server", ...stack.flag]);
    expect(await plan()).toEqual({
      "app-health": ["triggers.pgbouncerConfig", "triggers.postgres"],
      "database-gate": ["triggers.server"],
      "database-server": ["mustRun", "ports"],
      // PgBouncer knows the container by its id.
      "pooler-client-limits": ["heldAt"],
      "pooler-config": ["databases.poolkit.host"],
    });
    await stack.mustUp();
    await expectRowsAndHealth();
  });

  it("is gone afterwards", async () => {
    const settled = await stack.up("--refresh", "--expect-no-changes");
    expect(settled.code, settled.text).toBe(0);
  });

  it("the database and its owner dropped: one up --refresh makes both again, with the tables", async () => {
    await superuserSql("DROP DATABASE poolkit WITH (FORCE)", "postgres");
    await superuserSql(`DROP ROLE ${roles.owner}`, "postgres");
    await stack.mustUp("--refresh");
    await stack.mustPass();
    const settled = await stack.up("--refresh", "--expect-no-changes");
    expect(settled.code, settled.text).toBe(0);
  });
});

async function plan(...options: string[]): Promise<Planned> {
  const { code, text } = await stack.preview(...options, "--json");
  expect(code, text).toBe(0);
  interface Step {
    readonly op: string;
    readonly urn: string;
    readonly detailedDiff: Readonly<Record<string, unknown>> | null;
  }
  const { steps } = JSON.parse(text.slice(text.indexOf("{"))) as { steps: Step[] };
  const changed = steps.filter(({ op }) => !["same", "refresh", "read"].includes(op));
  const planned = new Map<string, Set<string>>();
  for (const { urn, detailedDiff } of changed) {
    const name = urn.split("::").at(-1) ?? urn;
    const properties = planned.get(name) ?? new Set();
    planned.set(name, properties);
    for (const property of Object.keys(detailedDiff ?? {})) properties.add(property);
  }
  return Object.fromEntries([...planned].map(([name, properties]) => [name, [...properties].sort()]));
}

async function expectRowsAndHealth(): Promise<void> {
  await stack.mustPass();
  expect(await stack.sql("SELECT count(*)::int AS rows FROM app.kept")).toEqual([{ rows: 3 }]);
}

async function superuserSql(text: string, database?: string): Promise<void> {
  const { directDatabaseUrl } = await stack.outputs();
  const url = new URL(directDatabaseUrl);
  if (database !== undefined) url.pathname = database;
  url.username = roles.superuser;
  url.password = stack.passwordOf(roles.superuser);
  await stack.sql(text, url.href);
}
