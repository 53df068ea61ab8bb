import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { adviceText, budgetText } from "../../cli/budget-text.ts";
import { accountJson } from "../../infra/budget/account-json.ts";
import { budgetOf } from "../../infra/budget/budget.ts";
import { adviseOn } from "../../infra/budget/observation.ts";

const root = join(import.meta.dirname, "../..");
const wanted = {
  presetName: "prod" as const,
  databaseName: "poolkit",
  overrides: {},
  pgbouncer: {},
  budget: {},
  application: {},
  observability: false,
};

/** Runs the command with a Pulumi that prints `config` (or fails with `error`) and nothing else. */
function poolkit(args: readonly string[], pulumi: { config?: object; error?: string }, cwd = root) {
  const folder = mkdtempSync(join(tmpdir(), "poolkit-budget-"));
  try {
    const script =
      pulumi.error === undefined
        ? `cat <<'END'\n${JSON.stringify(pulumi.config)}\nEND\n`
        : `echo "error: ${pulumi.error}" >&2; exit 6\n`;
    writeFileSync(join(folder, "pulumi"), `#!/bin/sh\n${script}`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, POOLKIT_CHECKOUT: root };
    return spawnSync(process.execPath, [join(root, "cli/main.ts"), "budget", ...args], {
      cwd,
      env,
      encoding: "utf8",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const config = (values: Record<string, unknown>) => ({
  config: Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      { value: typeof value === "string" ? value : JSON.stringify(value), secret: false },
    ]),
  ),
});

describe("poolkit budget", () => {
  it("prints the whole account of a stack that fits and exits 0", () => {
    const { status, stdout } = poolkit(["-s", "prod"], config({ "poolkit:preset": "prod" }));
    expect(stdout).toContain("=       50  in sum\n  ≤      200  max_client_conn");
    expect(stdout.trimEnd().endsWith("\nfits")).toBe(true);
    expect(status).toBe(0);
  });

  it("shows what is refused, with the change that mends it, and exits 2", () => {
    const { status, stdout } = poolkit(
      ["-s", "prod"],
      config({ "poolkit:overrides": { connectionLimit: 100 } }),
    );
    expect(stdout).toContain("REFUSE everyone who connects to PgBouncer");
    expect(stdout).toContain("pulumi config set --path poolkit:overrides.maxClientConnections 210");
    expect(status).toBe(2);
  });

  it("shows advice and exits 1", () => {
    const { status, stdout } = poolkit(["-s", "prod"], config({ "poolkit:overrides": { poolSize: 18 } }));
    expect(stdout).toContain("advice the pool is not larger than the database's cores");
    expect(status).toBe(1);
  });

  it("prints one JSON object, refused values included", () => {
    const { status, stdout } = poolkit(
      ["-s", "x", "--json"],
      config({ "poolkit:preset": "dev", "poolkit:pgbouncer": { defualt_pool_size: 5 } }),
    );
    const body = JSON.parse(stdout);
    expect(body).toMatchObject({ stack: "x", preset: "dev" });
    expect(body.problems).toMatchObject([{ path: "poolkit:pgbouncer.defualt_pool_size" }]);
    expect(Object.keys(body.checks).length).toBeGreaterThan(20);
    expect(status).toBe(2);
  });

  it("is the same account as the stack's output", () => {
    const { stdout } = poolkit(["-s", "prod", "--json"], config({ "poolkit:preset": "prod" }));
    const { stack, preset, ...account } = JSON.parse(stdout);
    expect([stack, preset]).toEqual(["prod", "prod"]);
    expect(account).toEqual(accountJson(budgetOf(wanted).budget));
  });

  it("does not say that a stack with a refused value fits", () => {
    const { status, stdout } = poolkit(
      ["-s", "x"],
      config({ "poolkit:preset": "dev", "poolkit:pgbouncer": { defualt_pool_size: 5 } }),
    );
    expect(stdout).toContain("poolkit:pgbouncer.defualt_pool_size");
    expect(stdout.trimEnd().endsWith("\nrefused, with 1 problem")).toBe(true);
    expect(status).toBe(2);
  });

  it("says which value it cannot read because it is stored as a secret", () => {
    const shown = config({ "poolkit:preset": "dev" }).config;
    const { status, stdout } = poolkit(["-s", "x"], {
      config: { ...shown, "poolkit:overrides": { secret: true }, "poolkit:secretSeed": { secret: true } },
    });
    expect(stdout).toContain("poolkit:overrides\n    found    a secret");
    expect(stdout).not.toContain("secretSeed");
    expect(status).toBe(2);
  });

  it("refuses an application that cannot be run; its folders are the project's wherever the command is", () => {
    const application = { context: "examples/express-pg", dockerfile: "Dockerfyle", port: 0 };
    const { status, stdout } = poolkit(
      ["-s", "x", "--json"],
      config({ "poolkit:preset": "dev", "poolkit:application": application }),
      tmpdir(),
    );
    expect(JSON.parse(stdout).problems.map(({ path }: { path: string }) => path)).toEqual([
      "poolkit:application.dockerfile",
      "poolkit:application.port",
    ]);
    expect(status).toBe(2);
  });

  it("reads the file in git of a stack that was never made", () => {
    const { status, stdout } = poolkit(["-s", "high-load"], { error: "no stack named 'high-load' found" });
    expect(stdout).toContain("stack high-load, preset high-load");
    expect(status).toBe(0);
  });

  it("says what to do about a stack that nobody knows", () => {
    const { status, stderr } = poolkit(["-s", "nope"], { error: "no stack named 'nope' found" });
    expect(stderr).toContain("pulumi stack init nope");
    expect(status).toBe(2);
  });

  it.each(["0s", "soon", "2h", "9999s"])("refuses to observe for %s", (time) => {
    const { status, stderr } = poolkit(["--observe", time], config({}));
    expect(stderr).toContain("allowed: 1s to 3600s");
    expect(status).toBe(2);
  });
});

describe("the account for people", () => {
  it("has every check, with both sides", () => {
    const { budget } = budgetOf(wanted);
    const text = budgetText("prod", "prod", budget);
    for (const { about, kind, left } of budget.checks) {
      expect(text).toContain(kind === "capacity" ? about : left[0]?.what);
    }
  });
});

describe("advice from live figures", () => {
  const seen = {
    seconds: 10,
    transactions: 1000,
    transactionSeconds: 50,
    waitSeconds: 0,
    waitingClients: [0, 0, 0],
    poolSize: 10,
    postgres: { transactions: 1000, activeSeconds: 20, idleInTransactionSeconds: 5 },
    databaseCores: 4,
  };

  it("is Little's law: rate x time = busy connections", () => {
    const advice = adviseOn(seen);
    expect(advice).toMatchObject({ verdict: "right", arrivalRate: 100, transactionSeconds: 0.05 });
    expect(advice).toMatchObject({ busyConnections: 5, neededConnections: 8, suggestedPoolSize: 10 });
    expect(advice).toMatchObject({ activeSessions: 2, idleInTransactionShare: 0.2 });
  });

  it.each([
    ["busy beyond 70 %", { transactionSeconds: 75 }, "too small", 11],
    ["clients that wait", { waitSeconds: 60, waitingClients: [3, 4, 9] }, "too small", 16],
    ["a queue that was there once", { waitSeconds: 60, waitingClients: [0, 0, 9] }, "right", 10],
    ["a pool that is three times too large", { transactionSeconds: 14 }, "too large", 2],
    ["no limit at all", { poolSize: 0 }, "too large", 8],
    ["hardly any load", { transactions: 99 }, "idle", 10],
    ["no load", { transactions: 0, transactionSeconds: 0 }, "idle", 10],
  ])("judges %s", (_what, figures, verdict, size) => {
    expect(adviseOn({ ...seen, ...figures })).toMatchObject({ verdict, suggestedPoolSize: size });
  });

  it("says when the cores are the limit, not the pool", () => {
    const advice = adviseOn({
      ...seen,
      transactionSeconds: 100,
      postgres: { ...seen.postgres, activeSeconds: 40 },
    });
    expect(adviceText(advice)).toContain("more connections would only wait inside Postgres");
    expect(adviceText(advice)).toContain("too small");
  });
});
