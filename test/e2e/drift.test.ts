import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { roles } from "../../infra/names.ts";
import { Project } from "./support/project.ts";
import { TestStack } from "./support/stack.ts";
import { putFile } from "./support/volume.ts";

/** Changes by hand, behind Pulumi's back: a preview with refresh shows exactly that, up repairs it, rows stay. */
const project = new Project();
let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.create(project, "prod", "drift");
  await stack.mustUp();
  await stack.sql("CREATE TABLE app.kept (id int PRIMARY KEY); INSERT INTO app.kept VALUES (1), (2), (3)");
});

afterAll(async () => {
  await stack?.sweep();
  project.remove();
});

interface Drift {
  /** Everything done before one preview; each must be seen on its own. */
  readonly done: readonly (() => Promise<unknown>)[];
  /** The resources that must be planned to change, and no other. */
  readonly planned: readonly string[];
}

const drifts: [string, Drift][] = [
  [
    "roles, a setting changed with SET, edited settings of the application",
    {
      done: [
        () => superuserSql(`ALTER ROLE ${roles.app} CONNECTION LIMIT 3`),
        () => superuserSql(`ALTER ROLE ${roles.app} IN DATABASE poolkit SET lock_timeout = '1s'`),
        () => stack.console("SET default_pool_size = 3"),
        () => putFile(stack, "app", "/run/poolkit/settings.json", '{"DATABASE_CONNECTION_LIMIT":"3"}', 65532),
      ],
      planned: ["app-config", "database-app", "database-app-settings", "pooler-config"],
    },
  ],
  [
    "PgBouncer's file edited, the application's container removed",
    {
      done: [
        () =>
          putFile(
            stack,
            "pgbouncer",
            "/etc/poolkit/pgbouncer.ini",
            "[pgbouncer]\nmax_client_conn = 7\n",
            65532,
          ),
        () => stack.container("app").remove({ force: true }),
      ],
      planned: ["app-health", "app-server", "pooler-config"],
    },
  ],
  [
    "PgBouncer's container stopped",
    { done: [() => stack.container("pgbouncer").stop()], planned: ["app-health", "pooler-server"] },
  ],
];

describe("drift", () => {
  it.each(drifts)("%s: the preview shows exactly it, up repairs it", async (_what, { done, planned }) => {
    for (const change of done) await change();
    const { code, text } = await stack.preview("--refresh", "--json");
    expect(code, text).toBe(0);
    expect(plannedIn(text)).toEqual(planned);

    await stack.mustUp("--refresh");
    expect((await stack.health()).body.status).toBe("pass");
    expect(await stack.sql("SELECT count(*)::int AS rows FROM app.kept")).toEqual([{ rows: 3 }]);
  });

  it("is gone afterwards", async () => {
    const settled = await stack.up("--refresh", "--expect-no-changes");
    expect(settled.code, settled.text).toBe(0);
  });
});

/** Names of the resources that a preview plans to change. */
function plannedIn(json: string): string[] {
  const { steps } = JSON.parse(json.slice(json.indexOf("{"))) as { steps: { op: string; urn: string }[] };
  const changed = steps.filter(({ op }) => !["same", "refresh", "read"].includes(op));
  return [...new Set(changed.map(({ urn }) => urn.split("::").at(-1) ?? urn))].sort();
}

async function superuserSql(text: string): Promise<void> {
  const { directDatabaseUrl } = await stack.outputs();
  const url = new URL(directDatabaseUrl);
  url.username = roles.superuser;
  url.password = stack.passwordOf(roles.superuser);
  await stack.sql(text, url.href);
}
