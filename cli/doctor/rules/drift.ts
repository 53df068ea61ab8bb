import { roles } from "../../../infra/names.ts";
import { deviation } from "../../../pgbouncer/shown.ts";
import type { HealthBody } from "../../health-body.ts";
import type { Place } from "../causes.ts";
import type { Deployed } from "../deployed.ts";
import type { Observation } from "../look.ts";
import type { PgBouncerSeen } from "../look-pgbouncer.ts";
import type { PostgresSeen } from "../look-postgres.ts";
import type { Symptom } from "../symptom.ts";
import { oneLine } from "../text.ts";

/** Where what runs differs from what the last `up` deployed. */
export function driftSymptoms(seen: Observation, place: Place): Symptom[] {
  const { deployed, console, postgres, health } = seen;
  if (!deployed.ok) return [];
  const drifted = (evidence: string): Symptom => ({ ...drift, evidence });
  return [
    ...(console?.ok ? poolerDrift(deployed.seen, console.seen) : []).map(drifted),
    // The one command among these, which repairs the others, too.
    ...(postgres?.ok ? roleSettingDrift(deployed.seen, postgres.seen, place) : []),
    ...(postgres?.ok ? databaseSettingDrift(postgres.seen, place) : []),
    ...(postgres?.ok ? roleLimitDrift(deployed.seen, postgres.seen) : []).map(drifted),
    ...(postgres?.ok ? serverDrift(postgres.seen, place.limits.postgres) : []).map(drifted),
    ...(health?.reached ? applicationDrift(deployed.seen, health.body) : []).map(drifted),
  ];
}

const drift = { cause: "configuration_drift", severity: "warn" } as const;

const differs = (what: string, deployed: string, runs: string) =>
  `${what}: deployed ${oneLine(deployed, 60)}, runs ${oneLine(runs, 60)}`;

function poolerDrift({ pgbouncerSettings: wanted }: Deployed, { config }: PgBouncerSeen): string[] {
  if (Object.keys(wanted).length === 0) return [];
  return [...config].flatMap(([key, running]) => {
    const found = deviation(key, wanted[key], running);
    if (found === undefined) return [];
    const deployed = wanted[key] ?? `nothing (${found.meant})`;
    return [differs(`PgBouncer ${key}`, deployed, running.value || "nothing")];
  });
}

/** Settings that the role should have and has not, and those that nobody deployed. */
function roleSettingDrift(deployed: Deployed, running: PostgresSeen, place: Place): Symptom[] {
  const { roleSettings: wanted } = deployed;
  const { roleSettings: found, roleWideSettings: wide } = running;
  const altered = Object.entries(wanted).filter(([name, value]) => !isSameSetting(name, value, found[name]));
  const stray = Object.keys(found).filter((name) => !Object.hasOwn(wanted, name));
  const unrepaired = [
    ...stray,
    ...altered.map(([name]) => name).filter((name) => isUnreadable(name, found[name])),
  ];
  const command = roleRepair(
    place,
    unrepaired.filter((name) => wide.includes(name)),
  );
  return [
    ...altered.map(([name, value]) => differs(`role's ${name}`, value, found[name] ?? "nothing")),
    ...stray.map((name) => strayText(name, found[name] ?? "", wide.includes(name))),
  ].map((evidence) => ({ ...drift, evidence, command }));
}

/** Pulumi's postgresql provider reads whole milliseconds only: a refresh fails at a time that has a unit (`1s`). */
function isUnreadable(name: string, found = ""): boolean {
  const isRead = name === "statement_timeout" || name === "idle_in_transaction_session_timeout";
  return isRead && /\D/.test(found);
}

/** A setting with a dot is somebody's own and may hold a secret. */
function strayText(name: string, value: string, isWide: boolean): string {
  const text = differs(`role's ${oneLine(name, 63)}`, "nothing", name.includes(".") ? "a value" : value);
  return isWide ? `${text}, in every database` : text;
}

/**
 * The state knows the role's settings in the stack's database, so that a refresh finds what is too many; of those in
 * every database it knows its own only, so that the role itself takes the others back, which it may even when it reads
 * only. Connections that PgBouncer has keep what they began with.
 */
function roleRepair({ stack, names }: Place, resets: readonly string[]): string {
  const renew = `pulumi up --refresh -s ${stack} && docker restart ${names.pgbouncer}`;
  if (resets.length === 0) return renew;
  const statements = resets.map((name) => `ALTER ROLE ${roles.app} RESET ${oneLine(name)};`);
  return `${psql("databaseUrl", stack, statements)} && ${renew}`;
}

/** Runs the statements as whom the stack's output logs in, also where that role only reads by default. */
function psql(output: string, stack: string, statements: readonly string[]): string {
  const url = `"$(pulumi stack output ${output} --show-secrets -s ${stack})"`;
  return `psql ${url} -c 'BEGIN READ WRITE; ${statements.join(" ")} COMMIT'`;
}

/** Nobody deploys any, so that no refresh knows of them; the database's owner takes them back. */
function databaseSettingDrift({ databaseSettings }: PostgresSeen, { stack, names }: Place): Symptom[] {
  const { database } = databaseSettings;
  const resets = databaseSettings.names.map(
    (name) => `ALTER DATABASE ${oneLine(database)} RESET ${oneLine(name)};`,
  );
  const command = `${psql("directDatabaseUrl", stack, resets)} && docker restart ${names.pgbouncer}`;
  return databaseSettings.names.map((name) => ({
    ...drift,
    evidence: `Postgres ${oneLine(name, 63)}: set by ALTER DATABASE, for every role`,
    command,
  }));
}

function isSameSetting(name: string, wanted: string, found: string | undefined): boolean {
  if (found === undefined) return false;
  const comparable = name === "search_path" ? schemasIn : millisecondsOf;
  return comparable(wanted) === comparable(found);
}

/** `app, "$user"` and `app,$user` are the same path. */
function schemasIn(path: string): string {
  return path
    .split(",")
    .map((schema) => schema.trim().replace(/^"(.*)"$/, "$1"))
    .join();
}

function roleLimitDrift({ roleConnectionLimit: wanted }: Deployed, { role }: PostgresSeen): string[] {
  const limit = role?.connectionLimit;
  if (wanted === undefined || limit === undefined || limit === wanted) return [];
  return [differs("role's CONNECTION LIMIT", `${wanted}`, `${limit}`)];
}

function serverDrift({ maxConnections, straySettings }: PostgresSeen, wanted: number | undefined): string[] {
  const stray = straySettings.map(({ name, reason }) =>
    reason === "pending_restart"
      ? `Postgres ${name}: its new value waits for a restart`
      : `Postgres ${name}: set by ALTER SYSTEM, beside the configuration file`,
  );
  return wanted === undefined || wanted === maxConnections
    ? stray
    : [...stray, differs("Postgres max_connections", `${wanted}`, `${maxConnections}`)];
}

/** An own application that reports no revision has none in its health. */
function applicationDrift({ appRevision }: Deployed, { configuration }: HealthBody): string[] {
  const running = configuration?.revision;
  if (appRevision === undefined || typeof running !== "string" || running === appRevision) return [];
  return [differs("application's configuration files", appRevision.slice(0, 12), running.slice(0, 12))];
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time of a role's setting, with Postgres' units; without one these settings are in milliseconds. */
export function millisecondsOf(text: string): number | string {
  const [, number, unit = "ms"] = /^(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)?$/.exec(text) ?? [];
  return number === undefined ? text : Number(number) * (units[unit] ?? 1);
}
