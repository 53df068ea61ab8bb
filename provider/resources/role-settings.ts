import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import type { Resource } from "../model/resource.ts";
import { object, type PropertyProblem, record, refined, type Shaped, text } from "../model/shape.ts";
import type { Path } from "../protocol/paths.ts";
import { connectionShape, SqlError, withClient } from "../sql/connect.ts";

const inputs = object({
  connection: connectionShape,
  role: text(),
  database: text(),
  settings: refined(record(text()), nameProblems),
});
type Inputs = Shaped<typeof inputs>;
type Settings = Readonly<Record<string, string>>;

/** Settings whose value is a list of names, each quoted on its own (GUC_LIST_QUOTE in PostgreSQL's source). */
const listSettings = new Set([
  "search_path",
  "temp_tablespaces",
  "local_preload_libraries",
  "session_preload_libraries",
]);
/** Attempts when another session alters the same catalogue row ("tuple concurrently updated"). */
const maxAttempts = 5;

/** `poolkit:index:RoleSettings`; see the class in provider/sdk for what it promises. */
export const roleSettings: Resource<Inputs, Record<string, never>> = {
  inputs,
  defaults: {},
  replaceOn: ["role", "database"],
  ignore: ["connection"],
  id: ({ role, database }) => `${role}/${database}`,
  plan: () => ({}),
  create: (wanted) => alter(wanted, wanted.settings),
  update: (wanted) => alter(wanted, wanted.settings),

  async read(last) {
    const found = await withClient(last.connection, (client) => currentSettings(client, last)).catch(
      reachableOnly,
    );
    if (found === undefined) return { inputs: last, outputs: {} };
    if (found === "absent") return undefined;
    // What was written and what is stored may differ in spelling only (`timezone` and `TimeZone`, `a,b` and `a, b`).
    const spelled = Object.entries(found).map(([name, value]): [string, string] => {
      const key = name.toLowerCase();
      const written = last.settings[key];
      return [key, written !== undefined && sameSetting(key, written, value) ? written : value];
    });
    return { inputs: { ...last, settings: Object.fromEntries(spelled) }, outputs: {} };
  },

  async delete(last) {
    await alter(last, {});
  },
};

/** Makes the settings of the pair exactly these, in one transaction. A role or database that is gone needs no reset. */
async function alter(place: Inputs, wanted: Settings): Promise<Record<string, never>> {
  for (let attempt = 1; ; attempt++) {
    try {
      await withClient(place.connection, (client) => alterOnce(client, place, wanted));
      return {};
    } catch (error) {
      // Somebody else's ALTER ROLE at the same moment: on the same row, or making it (unique_violation).
      const isRace =
        error instanceof SqlError &&
        (error.message.includes("tuple concurrently updated") || error.code === "23505");
      if (!isRace || attempt === maxAttempts) throw error;
      await sleep(100 * attempt);
    }
  }
}

async function alterOnce(client: Client, place: Inputs, wanted: Settings): Promise<void> {
  await client.query("BEGIN");
  // Deployments wait for each other; read and change are one step.
  await client.query("SELECT pg_advisory_xact_lock(hashtext('poolkit role settings'))");
  const current = await currentSettings(client, place);
  if (current === "absent" && Object.keys(wanted).length === 0) return;
  const target = `ALTER ROLE ${client.escapeIdentifier(place.role)} IN DATABASE ${client.escapeIdentifier(place.database)}`;
  const former = current === "absent" ? {} : current;
  const resets = Object.keys(former)
    .filter((key) => !Object.hasOwn(wanted, key))
    .map((key) => `${target} RESET ${quotedName(client, key)}`);
  const sets = Object.entries(wanted).map(([key, value]) => {
    const items = listSettings.has(key.toLowerCase()) ? itemsOf(value) : [value];
    return `${target} SET ${quotedName(client, key)} = ${items.map((item) => client.escapeLiteral(item)).join(", ")}`;
  });
  for (const statement of [...resets, ...sets]) await client.query(statement);
  await client.query("COMMIT");
}

async function currentSettings(
  client: Client,
  { role, database }: Inputs,
): Promise<Record<string, string> | "absent"> {
  const { rows } = await client.query<{ setconfig: string[] | null }>(
    `SELECT s.setconfig FROM pg_roles r CROSS JOIN pg_database d
       LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = d.oid
      WHERE r.rolname = $1 AND d.datname = $2`,
    [role, database],
  );
  const [row] = rows;
  if (row === undefined) return "absent";
  return Object.fromEntries(
    (row.setconfig ?? []).map((setting): [string, string] => {
      const equals = setting.indexOf("=");
      return [setting.slice(0, equals), setting.slice(equals + 1)];
    }),
  );
}

function sameSetting(key: string, written: string, stored: string): boolean {
  if (written === stored) return true;
  return listSettings.has(key.toLowerCase()) && itemsOf(written).join() === itemsOf(stored).join();
}

function itemsOf(value: string): string[] {
  return value.split(",").map((item) =>
    item
      .trim()
      .replace(/^"(.*)"$/, "$1")
      .replaceAll('""', '"'),
  );
}

/** A dotted name is two identifiers (`app.tenant`). */
function quotedName(client: Client, key: string): string {
  return key
    .split(".")
    .map((part) => client.escapeIdentifier(part))
    .join(".");
}

/** A server that cannot be reached has no drift to show; every other failure is one. */
function reachableOnly(error: unknown): undefined {
  if (error instanceof SqlError && error.isUnreachable) return undefined;
  throw error;
}

function nameProblems(settings: Settings, path: Path): PropertyProblem[] {
  return Object.entries(settings).flatMap(([key, value]): PropertyProblem[] => {
    const here = [...path, key];
    if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$/.test(key)) {
      return [{ path: here, reason: "not a name of a setting: expected small letters, digits and _" }];
    }
    return value.includes("\0") ? [{ path: here, reason: "contains a NUL character" }] : [];
  });
}
