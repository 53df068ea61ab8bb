import { databaseKeys, type EntryKey, peerKeys, userKeys } from "../../pgbouncer/entries.ts";
import type { PgBouncerIni } from "../../pgbouncer/render.ts";
import { deviation } from "../../pgbouncer/shown.ts";
import { type ChangeClass, sameValue } from "../../pgbouncer/values.ts";
import { type Connection, withFirstClient } from "../sql/connect.ts";

type Row = Readonly<Record<string, unknown>>;
type Section = "databases" | "users" | "peers";

/** What a PgBouncer says that it runs, in the columns of its own SHOW commands. */
export interface RunningPgBouncer {
  readonly config: readonly Row[];
  readonly databases: readonly Row[];
  readonly users: readonly Row[];
  readonly peers: readonly Row[];
}

/** One value that PgBouncer runs differently from what its file says. */
export interface Mismatch {
  readonly section: "settings" | Section;
  /** Name of the database or user, number of the peer; empty for a setting. */
  readonly entry: string;
  readonly key: string;
  /** undefined: the file does not say it, PgBouncer's default was meant. */
  readonly wanted: string | undefined;
  /** undefined: PgBouncer does not know the entry or the setting. */
  readonly running: string | undefined;
  readonly change: ChangeClass;
}

/** Reads the console under the first login that works; `commands` run first (e.g. `RECONNECT`). */
export async function readConsole(
  consoles: readonly Connection[],
  commands: readonly string[] = [],
): Promise<RunningPgBouncer> {
  return withFirstClient(consoles, async (client) => {
    // The console takes one command per query, in the simple protocol only.
    for (const command of commands) await client.query(command);
    return {
      config: (await client.query<Row>("SHOW CONFIG")).rows,
      databases: (await client.query<Row>("SHOW DATABASES")).rows,
      users: (await client.query<Row>("SHOW USERS")).rows,
      peers: (await client.query<Row>("SHOW PEERS")).rows,
    };
  });
}

/** Where PgBouncer differs from its file, including settings that the file leaves at their default. */
export function mismatches(ini: PgBouncerIni, running: RunningPgBouncer): Mismatch[] {
  return [
    ...settingMismatches(ini.settings, running.config),
    ...entryMismatches("databases", ini.databases, databaseKeys, running.databases),
    ...entryMismatches("users", ini.users, userKeys, running.users),
    ...entryMismatches("peers", ini.peers, peerKeys, running.peers),
  ];
}

/** `default_pool_size: wanted 30, running 20`. */
export function mismatchText({ section, entry, key, wanted, running }: Mismatch): string {
  const path = section === "settings" ? key : `${section}.${entry}.${key}`;
  return `${path}: wanted ${wanted ?? "PgBouncer's default"}, running ${running ?? "nothing of that name"}`;
}

function settingMismatches(settings: Readonly<Record<string, string>>, rows: readonly Row[]): Mismatch[] {
  const at = { section: "settings", entry: "" } as const;
  const shown = new Map(
    rows.map((row) => [text(row.key), { value: text(row.value), default: text(row.default) }]),
  );
  const absent = Object.entries(settings)
    .filter(([key]) => !shown.has(key))
    .map(([key, wanted]): Mismatch => ({ ...at, key, wanted, running: undefined, change: "reload" }));
  const different = [...shown].flatMap(([key, row]): Mismatch[] => {
    const wanted = settings[key];
    const found = deviation(key, wanted, row);
    if (found === undefined) return [];
    return [{ ...at, key, wanted, running: row.value, change: found.setting.change }];
  });
  return [...absent, ...different];
}

function entryMismatches(
  section: Section,
  entries: PgBouncerIni["databases"],
  known: Readonly<Record<string, EntryKey>>,
  rows: readonly Row[],
): Mismatch[] {
  const shown = new Map(rows.map((row) => [text(section === "peers" ? row.peer_id : row.name), row]));
  return Object.entries(entries).flatMap(([entry, keys]) =>
    Object.entries(keys).flatMap(([key, wanted]): Mismatch[] => {
      const { column, kind } = known[key] ?? {};
      // `*` is a template: it is shown only under the names of databases that clients asked for.
      if (column === undefined || kind === undefined || entry === "*") return [];
      const row = shown.get(entry);
      const running = row && text(row[column]);
      if (running !== undefined && sameValue(kind, wanted, running)) return [];
      return [{ section, entry, key, wanted, running, change: "reload" }];
    }),
  );
}

function text(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}
