import { createHash } from "node:crypto";
import { type ArgType, isDriverAdapterError } from "@prisma/driver-adapter-utils";
import type { NamedQuery } from "./database-pool.ts";
import { databasePool } from "./prisma.ts";

/** Reads each column of a row as the adapter gives it: texts for dates, enums and uuids, null for NULL. */
export type Columns<Row> = { readonly [Name in keyof Row]: (value: unknown) => Row[Name] };

/** Readers for the columns of a hot query. */
export const read = {
  text: (value: unknown) => String(value),
  integer: (value: unknown) => Number(value),
  instant: (value: unknown) => new Date(String(value)),
  /** Rows inside of a row, as `json_agg(json_build_object(…))` gives them. Throws where one lacks a column. */
  list:
    <Row extends object>(columns: Columns<Row>) =>
    (value: unknown): Row[] => {
      const rows: Readonly<Record<string, unknown>>[] = JSON.parse(String(value));
      const readers = readersOf(columns);
      return rows.map((row) => readRow(readers, (name) => (Object.hasOwn(row, name) ? row[name] : MISSING)));
    },
  optional:
    <Value>(reader: (value: unknown) => Value) =>
    (value: unknown) =>
      value === null ? null : reader(value),
  /** A value of an enum of the schema. Throws for one that the generated client does not know. */
  oneOf:
    <Name extends string>(names: Readonly<Record<string, Name>>) =>
    (value: unknown) => {
      const name = names[String(value)];
      if (name === undefined) throw new Error(`the database has ${String(value)}, which the schema does not`);
      return name;
    },
};

export const uuid: ArgType = { arity: "scalar", scalarType: "uuid" };

type Readers<Row extends object> = readonly (readonly [
  keyof Row & string,
  (value: unknown) => Row[keyof Row & string],
])[];

function readersOf<Row extends object>(columns: Columns<Row>): Readers<Row> {
  return Object.entries(columns) as [keyof Row & string, (value: unknown) => Row[keyof Row & string]][];
}

/** Stands for a column that is not there; NULL is null. */
const MISSING = Symbol("missing");

function readRow<Row extends object>(
  readers: Readers<Row>,
  lookUp: (name: string, index: number) => unknown,
) {
  const found: Partial<Row> = {};
  for (const [index, [name, reader]] of readers.entries()) {
    const value = lookUp(name, index);
    if (value === MISSING) throw new Error(`the query gives no column ${name}`);
    found[name] = reader(value);
  }
  return found as Row;
}

/**
 * A query by hand for a path that a profile has shown to be hot: past Prisma's client (its share is about half of the
 * CPU time of a small read) and prepared once per connection, but on the same pool, with the same retry, circuit breaker
 * and drain. `sql` must give the columns of `Row` under their names; give `Row` the type that Prisma's own query has, and
 * hold the two equal by a test (app/routes/session-view.ts is one).
 *
 *   const findSession = hotQuery<SessionHead>("SELECT … WHERE id = $1", [uuid], { id: read.text, … });
 *   const [session] = await findSession(id);
 *
 * It takes no part in a transaction. Behind a PgBouncer with `max_prepared_statements` 0, and after a migration of its
 * columns, it costs a second attempt. The returned function rejects with the adapter's errors, and with an Error when a
 * column is missing.
 */
export function hotQuery<Row extends object>(
  sql: string,
  argTypes: ArgType[],
  columns: Columns<Row>,
): (...args: unknown[]) => Promise<Row[]> {
  const readers = readersOf(columns);
  const statementName = `hot_${createHash("sha256").update(sql).digest("hex").slice(0, 16)}`;
  return async (...args) => {
    const query: NamedQuery = { sql, args, argTypes, statementName };
    const { columnNames, rows } = await databasePool.queryRaw(query).catch((error: unknown) => {
      if (!isPreparedStatementUnusable(error)) throw error;
      return databasePool.queryRaw({ sql, args, argTypes });
    });
    const places = readers.map(([name]) => columnNames.indexOf(name));
    return rows.map((row) =>
      readRow(readers, (_name, index) => {
        const place = places[index] ?? -1;
        return place < 0 ? MISSING : row[place];
      }),
    );
  };
}

/** What Postgres says of a prepared statement that it does not run; the same text without a name it does. */
const UNUSABLE: ReadonlySet<string | undefined> = new Set([
  // feature_not_supported: a migration changed the type of a column ("cached plan must not change result type").
  "0A000",
  // invalid_sql_statement_name, duplicate_prepared_statement: PgBouncer does not follow names (max_prepared_statements 0).
  "26000",
  "42P05",
]);

function isPreparedStatementUnusable(error: unknown): boolean {
  return isDriverAdapterError(error) && UNUSABLE.has(error.cause.originalCode);
}
