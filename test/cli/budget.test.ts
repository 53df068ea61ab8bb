import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { adviceText, budgetText } from "../../cli/budget-text.ts";
import { accountJson } from "../../infra/budget/account-json.ts";
import { allowedPoolSize } from "../../infra/budget/allowed-pool-size.ts";
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
    expect(stdout).toContain("pulumi config set -s prod --path poolkit:overrides.maxClientConnections 210");
    expect(status).toBe(2);
  });

  it("says of a stack that does not fit and is let through that it is, and exits 1", () => {
    const overrides = { connectionLimit: 100 };
    const letThrough = { "poolkit:budget": { check: "warn" }, "poolkit:overrides": overrides };
    const { status, stdout } = poolkit(["-s", "prod"], config(letThrough));
    expect(stdout).toContain("\ndoes not fit\n");
    expect(stdout.trimEnd()).toMatch(
      /\ndoes not fit, with 1 problem; poolkit:budget\.check: warn lets it through$/,
    );
    expect(status).toBe(1);
    const misspelt = { ...letThrough, "poolkit:pgbouncer": { defualt_pool_size: 5 } };
    expect(poolkit(["-s", "prod"], config(misspelt)).status).toBe(2);
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
      "poolkit:application.port",
      "poolkit:application.dockerfile",
    ]);
    expect(status).toBe(2);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["a misspelt key", { "poolkit:overide.connectionLimit": "5" }, "poolkit:overide.connectionLimit"],
    ["a port that is none", { "poolkit:ports": { app: 80 } }, "poolkit:ports.app"],
    ["one port for two", { "poolkit:ports": { app: 6432 } }, "poolkit:ports"],
    ["an image that is none", { "poolkit:baseImage": "--privileged" }, "poolkit:baseImage"],
    [
      "a target that is none",
      { "poolkit:scrape": { backup: { targets: ["a"] } }, "poolkit:observability": "true" },
      "poolkit:scrape.backup.targets[0]",
    ],
    ["targets that nobody asks", { "poolkit:scrape": { backup: { targets: ["a:1"] } } }, "poolkit:scrape"],
  ])("refuses %s, as a preview does", (_what, values, path) => {
    const { status, stdout } = poolkit(["-s", "x", "--json"], config({ "poolkit:preset": "dev", ...values }));
    expect(JSON.parse(stdout).problems).toMatchObject([{ path }]);
    expect(status).toBe(2);
  });

  it("takes keys of others, and the seed that it does not read", () => {
    const { config: shown } = config({
      "poolkit:preset": "prod",
      "docker:host": "unix:///x",
      "aws:region": "x",
    });
    const { status } = poolkit(["-s", "prod"], {
      config: { ...shown, "poolkit:secretSeed": { secret: true } },
    });
    expect(status).toBe(0);
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
    workingConnections: [5, 4, 6],
    poolSize: 10,
    postgres: { transactions: 1000, activeSeconds: 20, idleInTransactionSeconds: 5 },
    databaseCores: 4,
  };

  // PgBouncer counts a transaction, its time and its wait when it ends.
  const few = { transactions: 3, transactionSeconds: 0.1 };
  const busyCores = { ...seen.postgres, activeSeconds: 40 };

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
    ["a queue that was there once and hardly any load", { ...few, waitingClients: [0, 2, 0] }, "idle", 10],
    ["a full pool that nobody waits for", { ...few, workingConnections: [10, 10, 10] }, "idle", 10],
    ["a queue that nobody serves", { ...few, waitingClients: [4, 5, 5] }, "stuck", 10],
    [
      "a full pool whose clients come back only now and then",
      { ...few, workingConnections: [10, 10, 10], waitingClients: [0, 2, 0] },
      "stuck",
      10,
    ],
    [
      "clients that wait while the cores are busy",
      { waitSeconds: 60, waitingClients: [3, 4, 9], postgres: busyCores, databaseCores: 2 },
      "limited by cores",
      10,
    ],
    [
      "the same where four connections per core are more than the pool has",
      { waitSeconds: 600, waitingClients: [3, 4, 9], postgres: busyCores },
      "too small",
      16,
    ],
    ["busy cores and a pool that does", { postgres: busyCores }, "right", 10],
  ])("judges %s", (_what, figures, verdict, size) => {
    expect(adviseOn({ ...seen, ...figures })).toMatchObject({ verdict, suggestedPoolSize: size });
  });

  it("says when the cores are the limit, not the pool", () => {
    const text = adviceText(
      adviseOn({ ...seen, transactionSeconds: 100, postgres: busyCores, databaseCores: 2 }),
    );
    expect(text).toContain("pool         limited by cores: busy more than 70 % of the time");
    expect(text).toContain("more connections would only wait inside Postgres");
    expect(text).not.toContain("suggestion");
  });

  it("says who tells what a pool is stuck at", () => {
    const stuck = { ...seen, ...few, waitingClients: [4, 5, 5], workingConnections: [10, 10, 10] };
    const text = adviceText(adviseOn(stuck));
    expect(text).toContain(
      "pool         stuck: clients wait, 10 of 10 connections are taken and 3 transactions ended",
    );
    expect(text).toContain("poolkit doctor");
    expect(text).not.toContain("suggestion");
  });

  it("suggests no more than the account allows", () => {
    const small = { ...seen, transactionSeconds: 75 };
    expect(adviseOn(small, (size) => Math.min(size, 20)).suggestedPoolSize).toBe(11);
    expect(adviseOn({ ...small, transactionSeconds: 90 }, (size) => Math.min(size, 12))).toMatchObject({
      verdict: "too small",
      suggestedPoolSize: 12,
      reason: "busy more than 70 % of the time; it takes 13, and the account allows 12",
    });
    expect(adviseOn(small, (size) => Math.min(size, 10))).toMatchObject({
      verdict: "too small",
      suggestedPoolSize: 10,
    });
  });

  it("asks the account for its own stack: caps and Postgres as they are", () => {
    expect(allowedPoolSize(wanted, 18)).toBe(18);
    expect(allowedPoolSize(wanted, 40)).toBe(25);
    expect(allowedPoolSize({ ...wanted, pgbouncer: { databases: { poolkit: { pool_size: 9 } } } }, 40)).toBe(
      25,
    );
    // One that does not fit as it is may still have more where that breaks nothing else.
    expect(allowedPoolSize({ ...wanted, overrides: { connectionLimit: 100 } }, 18)).toBe(18);
  });
});
