import { LIVE_SETTINGS } from "../app/config/settings.ts";
import { FAILURES, type FailureKind } from "../app/database/database-failure.ts";
import { mayRepeat, type Repeatable } from "../app/database/retry.ts";
import { CAUSES, type Cause } from "../app/health/health-causes.ts";
import { METRICS } from "../app/metrics/catalogue.ts";
import { processRegistry } from "../app/metrics/process-metrics.ts";
import { budgetText } from "../cli/budget-text.ts";
import { causes } from "../cli/doctor/causes.ts";
import { alertSizes } from "../infra/alert-sizes.ts";
import { givenFiles, givenVariables, setFolder } from "../infra/application-contract.ts";
import { applicationKeys } from "../infra/application-keys.ts";
import { type Budget, budgetOf } from "../infra/budget/budget.ts";
import { optionRanges } from "../infra/budget/options.ts";
import { engineNames } from "../infra/names.ts";
import { overrideTable } from "../infra/overrides.ts";
import { defaultPorts, presetNames, presets } from "../infra/presets.ts";
import { problemRow } from "../infra/problem-text.ts";
import { scrapeKeys } from "../infra/scrape-jobs.ts";
import { resolveSizing, type SizingInput } from "../infra/sizing.ts";
import { alertRules } from "../observability/rules.ts";
import { databaseKeys, peerKeys, userKeys } from "../pgbouncer/entries.ts";
import { defaultSettings, forcedSettings, withheldSettings } from "../pgbouncer/layers.ts";
import { pgbouncerSettings } from "../pgbouncer/settings.ts";
import { allowedText, type ValueKind } from "../pgbouncer/values.ts";

/** Tables of the documentation that repeat code. `node docs/write-tables.ts` writes them; a test holds them equal. */
export const tables: Readonly<Record<string, { readonly file: string; readonly render: () => string }>> = {
  causes: { file: "docs/doctor.md", render: causesTable },
  presets: { file: "README.md", render: presetTable },
  overrides: { file: "docs/configuration.md", render: overridesTable },
  scrape: { file: "docs/observability.md", render: scrapeTable },
  application: { file: "docs/your-own-application.md", render: applicationTable },
  variables: { file: "docs/your-own-application.md", render: variablesTable },
  files: { file: "docs/your-own-application.md", render: filesTable },
  account: { file: "docs/sizing.md", render: accountExample },
  refusal: { file: "docs/sizing.md", render: refusalExample },
  budget: { file: "docs/sizing.md", render: budgetTable },
  pgbouncer: { file: "docs/sizing.md", render: settingsTable },
  entries: { file: "docs/sizing.md", render: entriesTable },
  "health-causes": { file: "docs/health.md", render: healthCausesTable },
  ports: { file: "docs/configuration.md", render: portsTable },
  settings: { file: "docs/database-layer.md", render: liveSettingsTable },
  retries: { file: "docs/database-layer.md", render: retriesTable },
  metrics: { file: "docs/metrics.md", render: metricsTable },
  "process-metrics": { file: "docs/metrics.md", render: processMetricsTable },
  alerts: { file: "docs/observability.md", render: alertsTable },
};

/** Replaces what stands between the markers of a table. Throws when the markers are missing. */
export function withTable(text: string, name: string, table: string): string {
  const [start, end] = [`<!-- table ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`the markers of table ${name} are missing`);
  }
  return `${text.slice(0, from + start.length)}\n\n${table}\n\n${text.slice(to)}`;
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

function liveSettingsTable(): string {
  const rows = Object.entries(LIVE_SETTINGS).filter(([key]) => /^(DATABASE|USE)_/.test(key));
  return markdown(
    ["setting", "unit", "default", "allowed"],
    rows.map(([key, { unit, fallback, allowed }]) => [
      `\`${key}\``,
      unit ?? "",
      fallback === undefined ? "see below" : `\`${fallback}\``,
      allowed,
    ]),
  );
}

function alertsTable(): string {
  const prod = prodInput({});
  const sizes = alertSizes(prod, resolveSizing(prod).sizing, true);
  return markdown(
    ["alert", "", "fires when", "for"],
    alertRules(sizes).map((rule) => [
      `\`${rule.alert}\``,
      rule.labels.severity,
      `${rule.annotations.summary.replace("{{ $labels.job }}", "A target")}: \`${rule.expr}\``,
      rule.for,
    ]),
  );
}

function metricsTable(): string {
  return markdown(
    ["metric", "type", "labels", "modes", ""],
    Object.entries(METRICS).map(([name, { type, labels, modes, help }]) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      modes,
      help,
    ]),
  );
}

function processMetricsTable(): string {
  const metrics = processRegistry().getMetricsAsArray();
  return markdown(
    ["metric", ""],
    metrics.map(({ name, help }) => [`\`${name}\``, help]),
  );
}

function retriesTable(): string {
  const units: Repeatable[] = ["read", "write", "begin", "transaction"];
  const kinds = Object.keys(FAILURES) as FailureKind[];
  return markdown(
    ["failure", "how far it came", ...units, "opens the breaker"],
    kinds.map((kind) => [
      `\`${kind}\``,
      FAILURES[kind].phase,
      ...units.map((unit) => (mayRepeat(kind, unit, false) ? "again" : "")),
      FAILURES[kind].isOutage ? "yes" : "",
    ]),
  );
}

function presetTable(): string {
  const of = (row: (preset: (typeof presets)[keyof typeof presets]) => string) =>
    presetNames.map((name) => row(presets[name]));
  return markdown(
    ["", ...presetNames],
    [
      ["`DATABASE_CONNECTION_LIMIT`", ...of((p) => `${p.connectionLimit}`)],
      ["`DATABASE_POOL_TIMEOUT` (s)", ...of((p) => `${p.poolTimeoutSeconds}`)],
      ["`USE_ENHANCED_POOLING`", ...of((p) => `${p.enhancedPooling}`)],
      [
        "PgBouncer clients / pool / reserve / per database",
        ...of(
          (p) =>
            `${p.maxClientConnections} / ${p.poolSize} / ${p.reservePoolSize} / ${p.maxDatabaseConnections}`,
        ),
      ],
      [
        "wait / statement / idle in transaction / lock (s)",
        ...of(
          (p) =>
            `${p.queryWaitTimeoutSeconds} / ${p.statementTimeoutSeconds} / ${p.idleInTransactionTimeoutSeconds} / ${p.lockTimeoutSeconds}`,
        ),
      ],
      ["data volume protected", ...of((p) => (p.protectData ? "yes" : "no"))],
    ],
  );
}

function healthCausesTable(): string {
  return markdown(
    ["cause", "status", "meaning", "seen when", "advice", "settings"],
    Object.entries<Cause>(CAUSES).map(([cause, { status, meaning, evidence, advice, settings }]) => [
      `\`${cause}\``,
      status,
      meaning,
      evidence,
      advice,
      settings.map((setting) => `\`${setting}\``).join(", "),
    ]),
  );
}

function overridesTable(): string {
  return markdown(
    ["`poolkit:overrides.`", "allowed", ...presetNames],
    overrideTable().map(({ name, allowed }) => [
      `\`${name}\``,
      allowed,
      ...presetNames.map((preset) => `${presets[preset][name]}`),
    ]),
  );
}

function applicationTable(): string {
  return markdown(
    ["`poolkit:application.`", "allowed", "default", ""],
    Object.entries(applicationKeys).map(([name, { allowed, fallback, meaning }]) => [
      `\`${name}\``,
      allowed,
      fallback === undefined ? "" : `\`${fallback}\``,
      meaning,
    ]),
  );
}

function scrapeTable(): string {
  return markdown(
    ["key of a job", "allowed", "default", ""],
    Object.entries(scrapeKeys).map(([name, { allowed, fallback, meaning }]) => [
      `\`${name}\``,
      allowed,
      fallback === "" ? "must be set" : `\`${fallback}\``,
      meaning,
    ]),
  );
}

/** As an application gets them that sets `directUrlVariable: DIRECT_URL` and leaves the rest to the defaults. */
function variablesTable(): string {
  const given = givenVariables({
    databaseUrlVariable: "DATABASE_URL",
    directUrlVariable: "DIRECT_URL",
    port: 3000,
  });
  return markdown(
    ["variable", "value", ""],
    given.map(({ name, value, meaning }) => [`\`${name}\``, `\`${value}\``, meaning]),
  );
}

function filesTable(): string {
  return markdown(
    [`in \`${setFolder}\``, ""],
    givenFiles.map(({ name, meaning }) => [`\`${name}\``, meaning]),
  );
}

/** What `poolkit budget -s prod` prints. */
function accountExample(): string {
  return ["```text", budgetText("prod", "prod", accountOf({})), "```"].join("\n");
}

/** What a preview says of an application's pool that does not fit. */
function refusalExample(): string {
  const rows = accountOf({ connectionLimit: 100 }).problems.map((problem) => problemRow(problem));
  return ["```text", ...rows, "```"].join("\n");
}

function accountOf(overrides: SizingInput["overrides"]): Budget {
  return budgetOf(prodInput(overrides)).budget;
}

function prodInput(overrides: SizingInput["overrides"]): SizingInput {
  const none = { pgbouncer: {}, budget: {}, application: {}, observability: false };
  return { presetName: "prod", databaseName: "poolkit", overrides, ...none };
}

function budgetTable(): string {
  const names = Object.keys(optionRanges) as (keyof typeof optionMeanings)[];
  return markdown(
    ["`poolkit:budget.`", "allowed", "default", ""],
    [
      ...names.map((name) => {
        const range = optionRanges[name];
        const { fallback, meaning } = optionMeanings[name];
        return [`\`${name}\``, `${range?.min} to ${range?.max} (${range?.unit})`, fallback, meaning];
      }),
      ["`check`", "refuse, warn", "refuse", "what happens to a stack that does not fit"],
    ],
  );
}

const optionMeanings = {
  otherClients: {
    fallback: "0",
    meaning: "clients of PgBouncer besides the kit's, as the application's role",
  },
  otherConnections: {
    fallback: "0",
    meaning: "connections past PgBouncer besides the kit's: backups, tunnels",
  },
  otherReplicas: {
    fallback: "0",
    meaning: "copies of the application elsewhere, each with a pool of `connectionLimit` per process",
  },
  surge: { fallback: "2", meaning: "sets of those copies in a roll-out: 2 = the new ones start first" },
  hostMegabytes: {
    fallback: "not checked",
    meaning: "memory of the machine; given, the containers' limits must fit in it",
  },
  requestSeconds: {
    fallback: "not checked",
    meaning: "how long a caller (a proxy) waits; given, the longest request is proved to end before",
  },
  databaseCores: { fallback: "2, 4, 8 by preset", meaning: "cores of the database server; advice only" },
  transactionMilliseconds: {
    fallback: "50 assumed",
    meaning: "how long a transaction holds a server connection; given, the queue is proved",
  },
};

function settingsTable(): string {
  const own = (name: string) => {
    if (Object.hasOwn(forcedSettings, name)) return `\`${forcedSettings[name]}\` (fixed)`;
    if (Object.hasOwn(withheldSettings, name)) return "(unset)";
    return Object.hasOwn(defaultSettings, name) ? `\`${defaultSettings[name]}\`` : "";
  };
  return markdown(
    ["setting", "allowed", "PgBouncer's default", "the kit's", "change", "since", ""],
    Object.entries(pgbouncerSettings).map(([name, setting]) => [
      `\`${name}\``,
      kindText(setting.kind),
      setting.default === "" ? "" : `\`${setting.default}\``,
      own(name),
      setting.change,
      setting.since,
      setting.about,
    ]),
  );
}

function entriesTable(): string {
  const sections = { databases: databaseKeys, users: userKeys, peers: peerKeys };
  return markdown(
    ["entry", "key", "allowed", "default", "since", ""],
    Object.entries(sections).flatMap(([section, keys]) =>
      Object.entries(keys).map(([name, { kind, default: fallback, since, about }]) => [
        `\`${section}\``,
        `\`${name}\``,
        kindText(kind),
        fallback,
        since,
        about,
      ]),
    ),
  );
}

/** What a value may be, short enough for a cell. */
function kindText(kind: ValueKind): string {
  return kind.type === "text"
    ? "text"
    : allowedText(kind)
        .replace("a whole number from ", "")
        .replace("a number of seconds from 0", "seconds from 0");
}

function portsTable(): string {
  const names = ["app", "pgbouncer", "postgres", "prometheus"] as const;
  return markdown(
    ["`poolkit:ports.`", "default"],
    names.map((name) => [`\`${name}\``, `${defaultPorts[name]}`]),
  );
}

function causesTable(): string {
  const names = engineNames("STACK");
  const place = { stack: "STACK", names, limits: {} };
  return markdown(
    ["cause", "what to do", "command"],
    Object.entries(causes).map(([name, { advice, command }]) => [
      `\`${name}\``,
      advice(place),
      // A table would end its cell at a bar.
      `\`${command(place).replaceAll("|", "\\|")}\``,
    ]),
  );
}
