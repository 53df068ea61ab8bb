import type { Looked } from "../bounded.ts";
import type { Failure } from "../failure.ts";
import type { Observation } from "../look.ts";
import type { Component } from "../look-engine.ts";
import type { PathSeen } from "../look-path.ts";
import type { Symptom } from "../symptom.ts";
import { count, oneLine } from "../text.ts";
import { goneCause } from "./containers.ts";
import { isPaused, isSaturated, lacksServers } from "./pooler.ts";

type Failed = Extract<Looked<PathSeen>, { ok: false }>;

/** A new connection of the application that waits longer than this waits for a server connection. */
const slowAnswerMilliseconds = 1_000;

/** PgBouncer tries again only every server_login_retry, and keeps a failed look-up of the name for dns_nxdomain_ttl. */
const noServers = "PgBouncer has no connection to Postgres yet";

/** What health says for want of a better cause; the doctor sees more parts and may know one. */
const vague = new Set(["pgbouncer_pool_exhausted", "query_failing"]);

/** Postgres itself is not there, or starts, recovers or stops. */
const gone: ReadonlySet<Failure> = new Set(["unreachable", "timeout", "dns", "upstream_down"]);

const fail = (cause: string, evidence: string): Symptom => ({ cause, severity: "fail", evidence });

/** A component that does not answer from here, although the engine may know that it is well. */
function noAnswer({ containers }: Observation, component: Component, evidence: string): Symptom {
  const looked = containers[component];
  const isWell = looked.ok && looked.seen?.isHealthy === true && looked.seen.isOnNetwork;
  return isWell && evidence.includes("ECONNREFUSED")
    ? fail("ports_elsewhere", `container ${looked.seen.name} is healthy, its port is not here: ${evidence}`)
    : fail(goneCause[component], evidence);
}

/** The way of the application's queries and the logins on it. */
export function pathSymptoms(seen: Observation): Symptom[] {
  return [...way(seen), ...login(seen), ...server(seen), ...pooler(seen), ...migrations(seen)];
}

function way(seen: Observation): Symptom[] {
  const { path } = seen;
  if (path === null) return [];
  if (!path.ok) return [failedWay(path, seen)];
  const { firstAnswerMilliseconds } = path.seen;
  if (firstAnswerMilliseconds < slowAnswerMilliseconds || !isSaturated(seen)) return [];
  const evidence = `a new connection through PgBouncer waited ${firstAnswerMilliseconds} ms for its first answer`;
  return [{ cause: "pgbouncer_pool_exhausted", severity: "warn", evidence }];
}

function failedWay({ failure, message }: Failed, seen: Observation): Symptom {
  const through = `through PgBouncer: ${message}`;
  switch (failure) {
    case "upstream_down":
      return noUpstream(seen, `PgBouncer cannot connect to Postgres: ${message}`);
    case "connections_exhausted":
      return fail("postgres_connections_exhausted", through);
    case "client_limit":
      return fail("pgbouncer_client_limit", through);
    case "login":
      return fail(
        "login_failing",
        seen.login?.ok === true
          ? `Postgres accepts the application's password, PgBouncer's userlist does not: ${message}`
          : through,
      );
    case "dns":
    case "unreachable":
      return noAnswer(seen, "pgbouncer", through);
    case "timeout":
    case "queue_timeout":
      return fail(causeOfSilence(seen), lacksServers(seen) ? `${through}; ${noServers}` : through);
    case "other":
      return fail("query_failing", through);
  }
}

function noUpstream(seen: Observation, evidence: string): Symptom {
  const former = formerAddress(seen);
  if (former === undefined) return fail("postgres_unreachable", evidence);
  return fail("stale_address", `${evidence}; it looks for it at ${former}, where its container no longer is`);
}

/** Where PgBouncer looks for Postgres, if its container is no longer there. */
function formerAddress({ console, containers }: Observation): string | undefined {
  const postgres = containers.postgres.ok ? containers.postgres.seen : null;
  if (!console?.ok || postgres?.address == null) return undefined;
  const host = console.seen.hosts.find(
    ({ hostname, addrs }) => postgres.id.startsWith(hostname) && addrs !== "",
  );
  const addresses = host?.addrs.split(",").map((one) => one.replace(/:\d+$/, ""));
  return addresses?.includes(postgres.address) === false ? addresses.join(", ") : undefined;
}

/** The application's way gets no answer in time: the nearest part that explains it. */
function causeOfSilence(seen: Observation): string {
  if (seen.console !== null && !seen.console.ok) return "pgbouncer_unreachable";
  if (isPaused(seen)) return "pgbouncer_paused";
  if (formerAddress(seen) !== undefined) return "stale_address";
  if (isSaturated(seen)) return "pgbouncer_pool_exhausted";
  if (seen.postgres !== null && !seen.postgres.ok) {
    return seen.postgres.failure === "connections_exhausted"
      ? "postgres_connections_exhausted"
      : "postgres_unreachable";
  }
  if (seen.login !== null && !seen.login.ok && seen.login.failure === "login") return "login_failing";
  return lacksServers(seen) ? "postgres_unreachable" : "query_failing";
}

function login({ login, path, postgres }: Observation): Symptom[] {
  const symptoms: Symptom[] = [];
  const role = postgres?.ok ? postgres.seen.role : undefined;
  if (role === null)
    symptoms.push(fail("login_failing", "the application's role does not exist in Postgres"));
  if (role?.canLogin === false) symptoms.push(fail("login_failing", "the application's role has NOLOGIN"));
  if (role?.isExpired) {
    symptoms.push(fail("login_failing", "the password of the application's role has expired (VALID UNTIL)"));
  }
  if (login === null || login.ok) return symptoms;
  // Where the way still works, PgBouncer has connections from before; its next one is refused.
  const severity = path?.ok ? "warn" : "fail";
  const evidence = `Postgres refuses the application's login: ${login.message}`;
  if (login.failure === "login") symptoms.push({ cause: "login_failing", severity, evidence });
  if (login.failure === "connections_exhausted") {
    symptoms.push({ cause: "postgres_connections_exhausted", severity, evidence });
  }
  return symptoms;
}

function server(seen: Observation): Symptom[] {
  const { postgres, backends } = seen;
  if (postgres === null || postgres.ok) return [];
  const { failure, message } = postgres;
  const direct = `direct connection to Postgres: ${message}`;
  // The monitor has a limit of its own; the message of a full server speaks of "roles" too.
  const isOurs = /connections for role "/.test(message);
  if (failure === "connections_exhausted" && !isOurs) {
    const cause = "postgres_connections_exhausted";
    return [fail(cause, direct), ...(backends.ok ? [fail(cause, holders(backends.seen))] : [])];
  }
  if (gone.has(failure)) {
    return [noAnswer(seen, "postgres", direct)];
  }
  return [{ cause: "monitoring_incomplete", severity: "warn", evidence: direct }];
}

/** `who holds the connections: poolkit_owner: idle (94), poolkit_app: idle (3)`. */
function holders(backends: readonly string[]): string {
  const groups = [...Map.groupBy(backends, (backend) => backend)].sort(([, a], [, b]) => b.length - a.length);
  const largest = groups.slice(0, 4).map(([name, { length }]) => `${oneLine(name, 80)} (${length})`);
  return `${count(backends.length, "session", "sessions")}, the most of: ${largest.join(", ")}`;
}

function pooler(seen: Observation): Symptom[] {
  const { console, path } = seen;
  if (console === null || console.ok) return [];
  const evidence = `PgBouncer's console: ${console.message}`;
  const isGone = console.failure !== "login" && console.failure !== "other";
  return [
    isGone && path?.ok !== true
      ? noAnswer(seen, "pgbouncer", evidence)
      : { cause: "monitoring_incomplete", severity: "warn", evidence },
  ];
}

function migrations({ path, deployed }: Observation): Symptom[] {
  if (!path?.ok || !deployed.ok || path.seen.migrations === null) return [];
  const applied = new Set(path.seen.migrations);
  const pending = deployed.seen.migrations.filter((name) => !applied.has(name));
  if (pending.length === 0) return [];
  const evidence = `${count(pending.length, "deployed migration is", "deployed migrations are")} not applied (first: ${pending[0]})`;
  return [fail("migration_pending", evidence)];
}

function isStopped({ containers }: Observation, component: Component): boolean {
  const looked = containers[component];
  const hasName = looked.ok && (looked.seen?.state === "running" || looked.seen?.state === "paused");
  return looked.ok && !hasName;
}

/** What the application itself says, or that it says nothing. */
export function healthSymptoms(seen: Observation): Symptom[] {
  const { health, path } = seen;
  if (health === null) return [];
  if (!health.reached) {
    const reason = oneLine(health.reason);
    return [health.isRefused ? fail("configuration_drift", reason) : noAnswer(seen, "app", reason)];
  }
  const { status, cause, output, advice } = health.body;
  if (status === "pass") return [];
  const isName = cause != null && /^[a-z][a-z_]*$/.test(cause);
  const words = [cause, output].filter((text) => text != null).join(": ");
  const evidence = `the application's health says ${status}${words === "" ? "" : `, ${oneLine(words, 300)}`}`;
  const own = isName ? cause : "app_unreachable";
  // A stopped container has no name: the application cannot tell that from a network without it, the engine can.
  if (own === "dns" && (["postgres", "pgbouncer"] as const).some((component) => isStopped(seen, component))) {
    return [];
  }
  const isVague = vague.has(own) || (own === "postgres_unreachable" && formerAddress(seen) !== undefined);
  const better = path !== null && !path.ok && isVague ? failedWay(path, seen).cause : own;
  return [
    {
      // That queries fail is no better name than any other.
      cause: better === "query_failing" ? own : better,
      severity: status,
      evidence,
      ...(typeof advice === "string" && { advice: oneLine(advice, 300) }),
    },
  ];
}
