import { pgbouncerSettings } from "../../../pgbouncer/settings.ts";
import { sameValue } from "../../../pgbouncer/values.ts";
import type { HealthBody } from "../../health-body.ts";
import type { Place } from "../causes.ts";
import type { Deployed } from "../deployed.ts";
import type { Observation } from "../look.ts";
import type { PgBouncerSeen } from "../look-pgbouncer.ts";
import type { PostgresSeen } from "../look-postgres.ts";
import type { Symptom } from "../symptom.ts";
import { oneLine } from "../text.ts";

/** Where what runs differs from what the last `up` deployed. */
export function driftSymptoms(
  { deployed, console, postgres, health }: Observation,
  { limits }: Place,
): Symptom[] {
  if (!deployed.ok) return [];
  const differences = [
    ...(console?.ok ? poolerDrift(deployed.seen, console.seen) : []),
    ...(postgres?.ok ? roleDrift(deployed.seen, postgres.seen) : []),
    ...(postgres?.ok ? serverDrift(postgres.seen, limits.postgres) : []),
    ...(health?.reached ? applicationDrift(deployed.seen, health.body) : []),
  ];
  return differences.map((evidence) => ({ cause: "configuration_drift", severity: "warn", evidence }));
}

const differs = (what: string, deployed: string, runs: string) =>
  `${what}: deployed ${oneLine(deployed, 60)}, runs ${oneLine(runs, 60)}`;

function poolerDrift({ pgbouncerSettings: wanted }: Deployed, { config }: PgBouncerSeen): string[] {
  if (Object.keys(wanted).length === 0) return [];
  return [...config].flatMap(([key, running]) => {
    const setting = pgbouncerSettings[key];
    // The path of the file is given on the command line.
    if (setting === undefined || key === "conffile") return [];
    const meant = wanted[key] ?? (running.default || (setting.kind.type === "integer" ? "0" : ""));
    if (sameValue(setting.kind, meant, running.value)) return [];
    return [differs(`PgBouncer ${key}`, wanted[key] ?? `nothing (${meant})`, running.value || "nothing")];
  });
}

function roleDrift({ roleSettings: wanted, roleConnectionLimit }: Deployed, running: PostgresSeen): string[] {
  const settings = Object.entries(wanted).flatMap(([name, value]) => {
    const found = running.roleSettings[name];
    const isSame = found !== undefined && millisecondsOf(found) === millisecondsOf(value);
    return isSame ? [] : [differs(`role's ${name}`, value, found ?? "nothing")];
  });
  const limit = running.role?.connectionLimit;
  const isLimited = roleConnectionLimit !== undefined && limit !== undefined && limit !== roleConnectionLimit;
  return isLimited
    ? [...settings, differs("role's CONNECTION LIMIT", `${roleConnectionLimit}`, `${limit}`)]
    : settings;
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
