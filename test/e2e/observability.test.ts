import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alertSizes } from "../../infra/alert-sizes.ts";
import { kitDeployment } from "../../infra/budget/deployment.ts";
import { roles } from "../../infra/names.ts";
import { resolveSizing } from "../../infra/sizing.ts";
import { sections } from "../../observability/panels.ts";
import { alertRules } from "../../observability/rules.ts";
import { input } from "../support/configurations.ts";
import { eventually } from "../support/load.ts";
import { resourcesOf } from "./support/engine.ts";
import { startExporter, type TestExporter } from "./support/exporter.ts";
import { Project } from "./support/project.ts";
import { leaksIn, secretsOf } from "./support/secrets.ts";
import { type Component, TestStack } from "./support/stack.ts";

/** Prometheus and its exporters, switched on at a running stack and off again. */
const project = new Project();
const observed = ["prometheus", "pgbouncer-exporter", "postgres-exporter"] as const;
const others: readonly Component[] = ["postgres", "pgbouncer", "app"];
const sizes = alertSizes(input(), resolveSizing(input()).sizing, true);
let stack: TestStack;
/** What the stack was before it was switched on. */
let before: { readonly ids: string[]; readonly resources: string[] };
let upWithIt: string;
let connections: Watch;
let exporter: TestExporter | undefined;

beforeAll(async () => {
  stack = await TestStack.create(project, "prod", "observed");
  await stack.mustUp();
  before = { ids: await startsOf(others), resources: await resourcesOf(stack.name) };
  await stack.must(["config", "set", "poolkit:observability", "true", ...stack.flag]);
  upWithIt = (await stack.mustUp()).text;
  connections = startWatch();
});

afterAll(async () => {
  await connections?.stop();
  await exporter?.stop();
  await stack?.sweep();
  project.remove();
});

/** Counts the exporters' connections again and again: the most at one moment. */
interface Watch {
  stop(): Promise<{ readonly clients: number; readonly backends: number }>;
}

function startWatch(): Watch {
  let isStopping = false;
  const most = { clients: 0, backends: 0 };
  const watching = (async () => {
    const { monitorUrl } = await stack.outputs();
    while (!isStopping) {
      const clients = await stack.console<{ user: string }>("SHOW CLIENTS");
      most.clients = Math.max(most.clients, clients.filter(({ user }) => user === roles.exporter).length);
      const backends = await stack.sql(
        `SELECT 1 FROM pg_stat_activity WHERE usename = '${roles.exporter}'`,
        monitorUrl,
      );
      most.backends = Math.max(most.backends, backends.length);
      await sleep(20);
    }
    return most;
  })();
  return {
    stop() {
      isStopping = true;
      return watching;
    },
  };
}

/** Container and time of its start: what is replaced or restarted has another one. */
function startsOf(components: readonly Component[]): Promise<string[]> {
  return Promise.all(
    components.map(async (component) => {
      const { Id, State } = await stack.container(component).inspect();
      return `${component} ${Id} ${State.StartedAt}`;
    }),
  );
}

interface Target {
  readonly scrapePool: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly lastScrape: string;
  readonly health: string;
  readonly lastError: string;
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
}

/** One that is pending or fires. */
interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

async function prometheus<T>(path: string): Promise<T> {
  const { prometheusUrl } = await stack.outputs();
  const answer = await fetch(`${prometheusUrl}/api/v1/${path}`);
  const { data } = (await answer.json()) as { data: T };
  return data;
}

async function query(expression: string): Promise<readonly Sample[]> {
  return (await prometheus<{ result: Sample[] }>(`query?query=${encodeURIComponent(expression)}`)).result;
}

const dashboardExpressions = sections.flatMap(({ panels }) =>
  panels.flatMap(({ lines }) => lines.map(({ expr }) => expr)),
);

/** An expression of the dashboard as Grafana asks for it, with its variables filled in. */
function asDrawn(expression: string): string {
  return expression.replaceAll("$stack", stack.name).replaceAll("$__rate_interval", "1m");
}

/** A certificate with six days left and a backup of yesterday: past the thresholds, and else nothing is wrong. */
function figuresOf({ pathname, searchParams }: URL): string | undefined {
  if (pathname === "/metrics") {
    return [
      'pgbackrest_backup_since_last_completion_seconds{backup_type="full",stanza="shop"} 500000',
      'pgbackrest_backup_since_last_completion_seconds{backup_type="incr",stanza="shop"} 97200',
      'pgbackrest_stanza_status{stanza="shop"} 0',
      'pgbackrest_exporter_status{stanza="all-stanzas"} 1',
    ].join("\n");
  }
  const isProbe = pathname === "/probe" && searchParams.get("module") === "http_2xx";
  if (!isProbe || searchParams.get("target") !== "https://shop.example") return undefined;
  const inSixDays = Date.now() / 1000 + 6 * 86_400;
  return `probe_ssl_earliest_cert_expiry ${inSixDays.toFixed()}\nprobe_success 1`;
}

describe("with poolkit:observability", () => {
  it("replaces and restarts nothing when it is switched on", async () => {
    expect(await startsOf(others)).toEqual(before.ids);
  });

  it("has every target up, and both exporters logged in", async () => {
    const targets = async () => (await prometheus<{ activeTargets: Target[] }>("targets")).activeTargets;
    const scraped = async () => (await targets()).filter(({ health }) => health !== "unknown");
    await eventually(async () => (await scraped()).length === 3, {
      timeoutMs: 60_000,
      what: "a first scrape of every target",
    });
    const seen = (await targets()).map(({ scrapePool, health, lastError }) => ({
      scrapePool,
      health,
      lastError,
    }));
    expect(seen.sort((a, b) => a.scrapePool.localeCompare(b.scrapePool))).toEqual(
      ["app", "pgbouncer", "postgres"].map((scrapePool) => ({ scrapePool, health: "up", lastError: "" })),
    );
    expect((await query("pgbouncer_up")).map(({ value }) => value[1])).toEqual(["1"]);
    expect((await query("pg_up")).map(({ value }) => value[1])).toEqual(["1"]);
  });

  it("tells in poolkit status where Prometheus is", async () => {
    const { prometheusUrl } = await stack.outputs();
    const { text } = await project.run("node", ["cli/poolkit.js", "status", ...stack.flag]);
    expect(text).toContain(prometheusUrl);
  });

  it("evaluates every alert rule, and none fires", async () => {
    const wanted = alertRules(sizes);
    const rules = async () => {
      const { groups } = await prometheus<{ groups: { rules: Rule[] }[] }>("rules?type=alert");
      return groups.flatMap((group) => group.rules);
    };
    await eventually(async () => (await rules()).every(({ health }) => health !== "unknown"), {
      timeoutMs: 60_000,
      what: "a first evaluation of every rule",
    });
    const seen = (await rules()).map(({ name, health, state }) => ({ name, health, state }));
    expect(seen).toEqual(wanted.map(({ alert }) => ({ name: alert, health: "ok", state: "inactive" })));
  });

  /** The value of a label may look like a metric. */
  const withoutTexts = (expression: string) => expression.replaceAll(/"[^"]*"/g, '""');

  it("exposes every metric that rules and dashboard ask for", async () => {
    const asked = [...alertRules(sizes).map(({ expr }) => expr), ...dashboardExpressions];
    const metric = /\b(?:(?:pgbouncer|pg|poolkit|db_client|http_server|nodejs)_\w+|up)\b/g;
    const names = new Set(asked.flatMap((expression) => withoutTexts(expression).match(metric) ?? []));
    const known = new Set(await prometheus<string[]>("label/__name__/values"));
    expect(names.size).toBeGreaterThan(25);
    expect([...names].filter((name) => !known.has(name))).toEqual([]);
    const { prometheusUrl } = await stack.outputs();
    for (const expression of asked) {
      const text = asDrawn(expression);
      const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(text)}`);
      expect(answer.status, text).toBe(200);
    }
  });

  it("shows the application's pool as the alerts of pools ask for it", async () => {
    const ofPools = alertRules(sizes).filter(({ labels }) => labels.database !== undefined);
    expect(ofPools).toHaveLength(3);
    for (const { expr } of ofPools) {
      const series = /\w+\{[^}]*\}/.exec(expr)?.[0] ?? "";
      const { result } = await prometheus<{ result: unknown[] }>(`query?query=${encodeURIComponent(series)}`);
      expect(result, series).toHaveLength(1);
    }
  });

  it("has opened no more connections meanwhile than the account has for it", async () => {
    const most = await connections.stop();
    expect(most.backends).toBeGreaterThan(0);
    expect(most.backends).toBeLessThanOrEqual(kitDeployment.exporterRoleLimit);
    expect(most.clients).toBeLessThanOrEqual(kitDeployment.exporterConsoles);
  });

  // The alert takes its time: the tests up to the one that waits for it do not need PgBouncer.
  it("is there when somebody stops PgBouncer", async () => {
    await stack.container("pgbouncer").stop();
    expect((await query("pgbouncer_up")).length).toBe(1);
  });

  it("runs them hardened: Prometheus on loopback only, the exporters inside the network only", async () => {
    for (const component of observed) {
      const { Config, HostConfig } = await stack.container(component).inspect();
      expect(HostConfig, component).toMatchObject({
        ReadonlyRootfs: true,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        Privileged: false,
      });
      expect(HostConfig.MemorySwap, component).toBe(HostConfig.Memory);
      expect(Config.User, component).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      const bindings = Object.values(HostConfig.PortBindings ?? {}) as { HostIp: string }[][];
      const hosts = bindings.flat().map(({ HostIp }) => HostIp);
      expect(hosts, component).toEqual(component === "prometheus" ? ["127.0.0.1"] : []);
    }
  });

  it("shows its secrets nowhere", async () => {
    const secrets = secretsOf(stack);
    const places: Record<string, string> = { "output of up": upWithIt };
    places["preview --diff"] = (await stack.preview("--diff", "--json")).text;
    places["state files"] = filesBelow(join(project.directory, "state"));
    places["what Prometheus tells of its configuration"] = JSON.stringify(await prometheus("status/config"));
    for (const component of observed) {
      const container = stack.container(component);
      places[`inspect ${component}`] = JSON.stringify(await container.inspect());
      places[`logs ${component}`] = (await container.logs({ stdout: true, stderr: true })).toString();
      places[`processes ${component}`] = JSON.stringify(await container.top({ ps_args: "axwwe" }));
    }
    const found = Object.entries(places).flatMap(([place, text]) =>
      leaksIn(text, secrets).map((leak) => [place, leak]),
    );
    expect(found).toEqual([]);
  });

  it("is refused at preview where its connections do not fit", async () => {
    await stack.setPath("poolkit:overrides.maxClientConnections", "51");
    try {
      const { code, text } = await stack.preview();
      expect(code, text).not.toBe(0);
      expect(text).toContain("2 (console: exporter)");
      expect(text).toContain("= 52 clients");
    } finally {
      await stack.must(["config", "rm", "poolkit:overrides", ...stack.flag]);
    }
  });

  it("fires PgBouncerDown for as long as PgBouncer is stopped", async () => {
    const alerts = async () => {
      const { alerts } = await prometheus<{ alerts: Alert[] }>("alerts");
      return alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
    };
    // Long stopped, but at a second try.
    await stack
      .container("pgbouncer")
      .stop()
      .catch(() => {});
    // The application's breaker may be told of, too, once somebody asked it for something.
    try {
      await expect.poll(alerts, { timeout: 90_000, interval: 500 }).toContain("PgBouncerDown");
    } finally {
      await stack.container("pgbouncer").start(); // for the tests below, whatever was seen
    }
    await expect.poll(alerts, { timeout: 60_000, interval: 500 }).not.toContain("PgBouncerDown");
  });

  it("is told of further targets and replaces nothing", async () => {
    const starts = await startsOf([...others, ...observed]);
    exporter = await startExporter(stack, figuresOf);
    const values = [
      `backup.targets[0]=${exporter.address}`,
      `certificate.targets[0]=${exporter.address}`,
      "certificate.metrics_path=/probe",
      "certificate.params.module[0]=http_2xx",
      "certificate.params.target[0]=https://shop.example",
    ].flatMap((value) => ["--plaintext", `poolkit:scrape.${value}`]);
    await stack.must(["config", "set-all", "--path", ...values, ...stack.flag]);
    await stack.mustUp();
    expect(await startsOf([...others, ...observed])).toEqual(starts);
  });

  it("is looked at by the doctor: a stopped exporter is a warning with the command that starts it", async () => {
    const doctor = () => project.run("node", ["cli/poolkit.js", "doctor", "--json", ...stack.flag]);
    await expect.poll(doctor, { timeout: 30_000 }).toMatchObject({ code: 0 });
    await stack.container("postgres-exporter").stop();
    const { code, text } = await doctor();
    expect(code, text).toBe(1);
    const { findings } = JSON.parse(text);
    expect(findings).toMatchObject([{ severity: "warn", cause: "monitoring_incomplete" }]);
    expect(findings[0].evidence[0]).toContain("postgres-exporter is stopped: exit code");
    expect(findings[0].command).toBe(`docker start poolkit-${stack.name}-postgres-exporter`);
    const started = await project.run("sh", ["-c", findings[0].command]);
    expect(started.code, started.text).toBe(0);
    await expect.poll(doctor, { timeout: 30_000 }).toMatchObject({ code: 0 });
  });

  it("draws something in every panel of the dashboard", async () => {
    // Only what has happened has series.
    const drawnLater = /poolkit_retries_total|http_response_status_code=""/;
    const drawnNow = dashboardExpressions.filter((expression) => !drawnLater.test(expression));
    const empty = async () => {
      const found: string[] = [];
      for (const expression of drawnNow) {
        if ((await query(asDrawn(expression))).length === 0) found.push(expression);
      }
      return found;
    };
    // A rate takes two looks at an exporter since PgBouncer came back from the tests above.
    await expect.poll(empty, { timeout: 60_000, interval: 1000 }).toEqual([]);
  });

  // Below the one that names them: they are asked meanwhile, and nobody waits for it.
  it("has asked the further targets, and their alerts have begun", async () => {
    const begun = async () => {
      const { alerts } = await prometheus<{ alerts: Alert[] }>("alerts");
      return (
        alerts
          .filter(({ labels }) => labels.job === "backup" || labels.job === "certificate")
          // On a busy machine one may fire by now.
          .map(({ labels: { alertname, job, stack } }) => `${job} ${alertname} ${stack}`)
          .sort()
      );
    };
    await expect
      .poll(begun, { timeout: 60_000, interval: 500 })
      .toEqual([
        `backup BackupOverdue ${stack.name}`,
        `certificate CertificateExpiresSoon ${stack.name}`,
        `certificate CertificateNearlyExpired ${stack.name}`,
      ]);
    const up = await query('up{job=~"backup|certificate"}');
    expect(up.map(({ metric: { instance }, value }) => [instance, value[1]])).toEqual([
      [exporter?.address, "1"],
      [exporter?.address, "1"],
    ]);
  });

  it("changes nothing at a second up that refreshes", async () => {
    const second = await stack.up("--refresh", "--expect-no-changes");
    expect(second.code, second.text).toBe(0);
  });

  it("goes on scraping with another secretSeed, without a restart", async () => {
    const starts = await startsOf(observed);
    await stack.reseed();
    await stack.mustUp();
    stack.forgetOutputs();
    const changedAt = Date.now();
    const scraped = async () => {
      const { activeTargets } = await prometheus<{ activeTargets: Target[] }>("targets");
      const own = activeTargets.filter(({ labels }) => !["backup", "certificate"].includes(labels.job ?? ""));
      return own.map(({ labels, health, lastScrape }) => {
        return `${labels.job} ${Date.parse(lastScrape) > changedAt ? health : "not yet"}`;
      });
    };
    await expect
      .poll(scraped, { timeout: 60_000, interval: 500 })
      .toEqual(["app up", "pgbouncer up", "postgres up"]);
    expect(await startsOf(observed)).toEqual(starts);
  });

  it("leaves the stack as it was when it is switched off", async () => {
    // Not those from before it was switched on: PgBouncer was stopped and started in between.
    const starts = await startsOf(others);
    await stack.must(["config", "rm", "poolkit:scrape", ...stack.flag]);
    await stack.must(["config", "set", "poolkit:observability", "false", ...stack.flag]);
    await stack.mustUp();
    expect(await resourcesOf(stack.name)).toEqual(before.resources);
    expect(await startsOf(others)).toEqual(starts);
    const left = await stack.sql(`SELECT 1 FROM pg_roles WHERE rolname = '${roles.exporter}'`);
    expect(left).toEqual([]);
    const config = await stack.console<{ key: string; value: string }>("SHOW CONFIG");
    expect(JSON.stringify(config)).not.toMatch(/poolkit_exporter|extra_float_digits/);
    expect((await stack.health()).status).toBe(200);
  });
});

function filesBelow(directory: string): string {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")).join("\n");
}
