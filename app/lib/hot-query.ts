import type { ArgType } from "@prisma/driver-adapter-utils";
import { databasePool } from "./prisma.ts";

/** Reads each column of a row as the adapter gives it: texts for dates, enums and uuids, null for NULL. */
export type Columns<Row> = { readonly [Name in keyof Row]: (value: unknown) => Row[Name] };

/** Readers for the columns of a hot query. */
export const read = {
  text: (value: unknown) => String(value),
  instant: (value: unknown) => new Date(String(value)),
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

/**
 * A query by hand for a path that a profile has shown to be hot: past Prisma's client (its share is about half of the
 * CPU time of a small read), but on the same pool, with the same retry, circuit breaker and drain. `sql` must give the
 * columns of `Row` under their names; give `Row` the type that Prisma's own query has, and hold the two equal by a test.
 *
 *   const findSession = hotQuery<SessionHead>("SELECT … WHERE id = $1", [uuid], { id: read.text, … });
 *   const [session] = await findSession(id);
 *
 * It takes no part in a transaction. The returned function rejects with the adapter's errors, and with an Error when a column is missing.
 */
export function hotQuery<Row extends object>(
  sql: string,
  argTypes: ArgType[],
  columns: Columns<Row>,
): (...args: unknown[]) => Promise<Row[]> {
  type Name = keyof Row & string;
  const readers = Object.entries(columns) as [Name, (value: unknown) => Row[Name]][];
  return async (...args) => {
    const { columnNames, rows } = await databasePool.queryRaw({ sql, args, argTypes });
    const places = readers.map(([name]) => columnNames.indexOf(name));
    const missing = places.indexOf(-1);
    if (missing >= 0) throw new Error(`the query gives no column ${readers[missing]?.[0]}`);
    return rows.map((row) => {
      const found: Partial<Row> = {};
      for (const [index, [name, reader]] of readers.entries()) found[name] = reader(row[places[index] ?? -1]);
      return found as Row;
    });
  };
}
