import { databaseKeys, type EntryKey, isGlobalAtZero, peerKeys, userKeys } from "./entries.ts";
import { settingProblems, unknownName } from "./merge.ts";
import { allowedText, isAllowed, isOneLine, type Problem } from "./values.ts";

type Section = Record<string, string>;

/** Everything that `pgbouncer.ini` says. */
export interface PgBouncerIni {
  /** The `[pgbouncer]` section. */
  readonly settings: Section;
  /** The `[databases]` section: name that clients ask for → keys. */
  readonly databases: Record<string, Section>;
  /** The `[users]` section: role → keys. */
  readonly users: Record<string, Section>;
  /** The `[peers]` section: number of a peer → keys. */
  readonly peers: Record<string, Section>;
}

/** Postgres' limit for the name of a role or database (NAMEDATALEN - 1). */
const maxNameBytes = 63;
/** Why `*` is no name of an entry. */
const everyName =
  "single names: a database * that is removed stays, PgBouncer keeps it until it restarts; a user * is the role of that name";
/** PgBouncer's limit for `peer_id`. */
const maxPeer = 16_383;

/**
 * Everything in the configuration that PgBouncer would refuse or read as something else. Paths are property paths
 * (`settings.x`, `databases.d.x`, `users.u.x`, `peers.1.x`).
 */
export function iniProblems(ini: PgBouncerIni): Problem[] {
  const global = Object.entries(ini.settings).flatMap(([key, value]) =>
    settingProblems(key, value, `settings.${key}`),
  );
  return [
    ...global,
    ...consoleProblems(ini.settings),
    ...entryProblems("databases", ini.databases, databaseKeys),
    ...entryProblems("users", ini.users, userKeys),
    ...entryProblems("peers", ini.peers, peerKeys),
  ];
}

/** The console takes simple queries only: without them nobody reads back what PgBouncer runs. */
function consoleProblems({ disable_pqexec: value }: Section): Problem[] {
  if (value !== "1") return [];
  const path = "settings.disable_pqexec";
  const allowed = "0: PgBouncer's console, where its configuration is read back, takes simple queries only";
  return [{ path, found: '"1"', allowed, fix: `remove ${path}` }];
}

/** Role names and verifiers that would not survive the userlist. Values are never part of the message. */
export function userlistProblems(userlist: Section): Problem[] {
  return Object.entries(userlist).flatMap(([role, verifier]) => {
    const path = `userlist.${role}`;
    const problems = roleProblems(path, role);
    if (!/^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$/.test(verifier)) {
      const fix = "give the verifier that Postgres stores in pg_authid for this role";
      problems.push({ path, found: "something else", allowed: "a SCRAM-SHA-256 verifier", fix });
    }
    return problems;
  });
}

/**
 * The text of `pgbouncer.ini`: sections and keys sorted, one trailing newline, so that equal configurations are equal
 * bytes.
 * @throws Error when `iniProblems` has any: such a file must never be written
 */
export function renderIni(ini: PgBouncerIni): string {
  refuse(iniProblems(ini));
  const entries = (section: Readonly<Record<string, Section>>): string[] =>
    sorted(section).map(([name, keys]) => assignment(name, pairs(keys)));
  const lines = [
    "[databases]",
    ...entries(ini.databases),
    "",
    "[pgbouncer]",
    ...sorted(ini.settings).map(([key, value]) => assignment(key, value)),
    "",
    "[users]",
    ...entries(ini.users),
    // Left out when empty, so that files of stacks without peers stay as they are.
    ...(Object.keys(ini.peers).length === 0 ? [] : ["", "[peers]", ...entries(ini.peers)]),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * The text of `userlist.txt`, sorted by role, one trailing newline.
 * @throws Error when `userlistProblems` has any
 */
export function renderUserlist(userlist: Section): string {
  refuse(userlistProblems(userlist));
  const lines = sorted(userlist).map(([role, verifier]) => `"${role}" "${verifier}"`);
  return lines.map((line) => `${line}\n`).join("");
}

function assignment(key: string, value: string): string {
  return value === "" ? `${key} =` : `${key} = ${value}`;
}

function entryProblems(
  section: string,
  entries: Readonly<Record<string, Section>>,
  known: Readonly<Record<string, EntryKey>>,
): Problem[] {
  return Object.entries(entries).flatMap(([name, keys]) => {
    const path = `${section}.${name}`;
    const problems = section === "peers" ? peerNumberProblems(path, name) : entryNameProblems(path, name);
    if (name === "pgbouncer" && section === "databases") {
      const fix = "choose another name; clients see only this one, dbname names the database in Postgres";
      problems.push({ path, found: "pgbouncer", allowed: "any other name: this one is the console", fix });
    }
    for (const [key, value] of Object.entries(keys)) {
      problems.push(...entryKeyProblems(`${path}.${key}`, key, value, known));
    }
    return problems;
  });
}

function entryKeyProblems(
  path: string,
  key: string,
  value: string,
  known: Readonly<Record<string, EntryKey>>,
): Problem[] {
  const entryKey = Object.hasOwn(known, key) ? known[key] : undefined;
  if (entryKey === undefined) return [unknownName(path, key, Object.keys(known))];
  if (value !== "" && isAllowed(entryKey.kind, value)) return [];
  const fix =
    isGlobalAtZero(entryKey) && value === "0"
      ? `leave it out for the global one: that is what PgBouncer takes 0 for in ${path}`
      : `give ${path} such a value, or remove it`;
  return [{ path, found: JSON.stringify(value), allowed: allowedText(entryKey.kind), fix }];
}

/** PgBouncer knows no quotes around the names of entries: anything else is a syntax error that ends the file. */
function entryNameProblems(path: string, name: string): Problem[] {
  if (/^[A-Za-z0-9_.-]{1,63}$/.test(name)) return [];
  if (name === "*") return [{ path, found: '"*"', allowed: everyName, fix: "write an entry for each name" }];
  const allowed = `1 to ${maxNameBytes} letters, digits and _ . - (PgBouncer's file can hold no other names)`;
  return [{ path, found: JSON.stringify(name), allowed, fix: "choose another name; dbname may be any" }];
}

function peerNumberProblems(path: string, name: string): Problem[] {
  if (/^[1-9]\d{0,4}$/.test(name) && Number(name) <= maxPeer) return [];
  const allowed = `a number from 1 to ${maxPeer}: the peer_id of that PgBouncer`;
  return [{ path, found: JSON.stringify(name), allowed, fix: "write the peer's peer_id" }];
}

function roleProblems(path: string, role: string): Problem[] {
  if (role !== "" && isOneLine(role) && !role.includes('"') && Buffer.byteLength(role) <= maxNameBytes)
    return [];
  const allowed = `1 to ${maxNameBytes} bytes without quotes, control characters or space at its ends`;
  return [{ path, found: JSON.stringify(role), allowed, fix: "choose another name" }];
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ path, found, allowed }) => `${path}: found ${found}, allowed ${allowed}`);
  throw new Error(`PgBouncer configuration refused:\n${lines.join("\n")}`);
}

function pairs(keys: Section): string {
  return sorted(keys)
    .map(([key, value]) => `${key}='${value.replaceAll("'", "''")}'`)
    .join(" ");
}

function sorted<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
