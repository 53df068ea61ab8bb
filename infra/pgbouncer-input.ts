import { exporterStartupParameter, mergePgBouncerSettings, type SettingValue } from "../pgbouncer/merge.ts";
import { iniProblems, type PgBouncerIni } from "../pgbouncer/render.ts";
import type { Problem } from "../pgbouncer/values.ts";
import { type Given, isObject } from "./given.ts";
import { postgresAlias, postgresPort, roles } from "./names.ts";
import { shown } from "./problem-text.ts";
import { unknownKey } from "./unknown-key.ts";
import { withoutUrlPasswords } from "./url-password.ts";

type Section = Record<string, string>;

/** Roles that can log in to PgBouncer; only these can have an entry in [users]. */
const pgbouncerRoles: readonly string[] = [roles.app, roles.monitor, roles.admin];

/** Keys of a database entry that the kit decides, with the reason that is told to who tries. */
const decidedKeys: Readonly<Record<string, string>> = {
  host: "the stack's own Postgres",
  port: "the stack's own Postgres",
  dbname: "the stack's own database (poolkit:databaseName)",
  user: "clients log in to Postgres as themselves; another user needs a password in plain text",
  auth_user: "the kit writes the userlist",
  auth_dbname: "the kit writes the userlist",
  auth_query: "the kit writes the userlist",
};

/**
 * `poolkit:pgbouncer` as a whole `pgbouncer.ini`: settings under PgBouncer's names, and under `databases.<name>`,
 * `users.<role>` and `peers.<number>` what those sections hold. The application's database is always there; any other
 * database entry is a second name for it, with sizes and a mode of its own.
 */
export function readPgBouncer(
  given: Given,
  layers: { readonly preset: Readonly<Record<string, string>>; readonly observability: boolean },
  databaseName: string,
): { readonly ini: PgBouncerIni; readonly problems: Problem[] } {
  const problems: Problem[] = [];
  const { databases, users, peers, ...settings } = given;
  const merged = mergePgBouncerSettings({
    preset: layers.preset,
    user: values("pgbouncer", settings, problems),
  });
  const entries = {
    databases: readEntries("databases", databases, problems),
    users: readEntries("users", users, problems),
    peers: readEntries("peers", peers, problems),
  };
  for (const [name, keys] of Object.entries(entries.databases)) {
    problems.push(...databaseProblems(name, keys));
  }
  for (const name of Object.keys(entries.users)) {
    if (!pgbouncerRoles.includes(name)) {
      problems.push(unknownKey(`pgbouncer.users.${name}`, name, pgbouncerRoles));
    }
  }
  if (Object.keys(entries.peers).length > 0 && Number(merged.settings.peer_id ?? 0) === 0) {
    problems.push({
      path: "pgbouncer.peers",
      found: "peers without a number of their own: peer_id is 0",
      allowed: "peers only with pgbouncer.peer_id from 1 to 16383",
      fix: "set pgbouncer.peer_id to this PgBouncer's number among its peers",
    });
  }
  // What the stack allows is narrower: it has the word where both refuse the same.
  const entryProblems = iniProblems({ settings: {}, ...entries })
    .map((problem) => ({ ...problem, path: `pgbouncer.${problem.path}` }))
    .filter(({ path }) => !problems.some((other) => other.path === path));
  const own = { host: postgresAlias, port: String(postgresPort), dbname: databaseName };
  const named = { [databaseName]: {}, ...entries.databases };
  const ini: PgBouncerIni = {
    settings: layers.observability ? withExporter(merged.settings) : merged.settings,
    // No `user=`: the client's own verifier logs in to Postgres, so no password is stored here.
    databases: Object.fromEntries(Object.entries(named).map(([name, keys]) => [name, { ...keys, ...own }])),
    users: entries.users,
    peers: entries.peers,
  };
  const all = [...merged.problems, ...problems, ...entryProblems];
  return { ini, problems: all.map(asTold) };
}

/** Those that the ini's own rules make show values as they are. */
function asTold({ path, found, fix, ...problem }: Problem): Problem {
  return {
    ...problem,
    path: `poolkit:${path}`,
    found: withoutUrlPasswords(found),
    fix: withoutUrlPasswords(fix),
  };
}

/** Lets the exporter read the console. Its driver sends a parameter that PgBouncer would refuse. */
function withExporter(settings: Section): Section {
  const add = (name: string, item: string) => {
    const items = (settings[name] ?? "").split(",").map((part) => part.trim());
    return [...new Set([...items, item])].filter((part) => part !== "").join(",");
  };
  return {
    ...settings,
    stats_users: add("stats_users", roles.exporter),
    ignore_startup_parameters: add("ignore_startup_parameters", exporterStartupParameter),
  };
}

function databaseProblems(name: string, keys: Section): Problem[] {
  const path = `pgbouncer.databases.${name}`;
  const decided = Object.keys(keys)
    .filter((key) => Object.hasOwn(decidedKeys, key))
    .map((key) => ({
      path: `${path}.${key}`,
      found: shown(keys[key]),
      allowed: `nothing: ${decidedKeys[key]}`,
      fix: `remove ${path}.${key}`,
    }));
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name) || name === "pgbouncer") return decided;
  const allowed =
    "lower-case letters, digits and underscores; no *: databases made on the fly cannot be counted";
  return [...decided, { path, found: shown(name), allowed, fix: "choose another name" }];
}

function readEntries(
  section: "databases" | "users" | "peers",
  given: unknown,
  problems: Problem[],
): Record<string, Section> {
  const path = `pgbouncer.${section}`;
  const entries = object(path, given ?? {}, problems);
  return Object.fromEntries(
    Object.entries(entries).map(([name, keys]) => {
      const at = `${path}.${name}`;
      return [name, text(values(at, object(at, keys, problems), problems))];
    }),
  );
}

function object(path: string, value: unknown, problems: Problem[]): Given {
  if (isObject(value)) return value;
  problems.push({
    path,
    found: shown(value),
    allowed: "an object of names and values",
    fix: `pulumi config rm --path 'poolkit:${path}'`,
  });
  return {};
}

function values(path: string, given: Given, problems: Problem[]): Record<string, SettingValue> {
  const accepted: Record<string, SettingValue> = {};
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      accepted[name] = value;
    } else {
      problems.push({
        path: `${path}.${name}`,
        found: shown(value),
        allowed: "a text, a number, true or false",
        fix: `pulumi config rm --path 'poolkit:${path}.${name}'`,
      });
    }
  }
  return accepted;
}

function text(section: Readonly<Record<string, SettingValue>>): Section {
  return Object.fromEntries(
    Object.entries(section).map(([key, value]) => [
      key,
      typeof value === "boolean" ? String(Number(value)) : String(value),
    ]),
  );
}
