import { crc32 } from "node:zlib";
import { during } from "./errors.ts";
import type { Server } from "./server/server.ts";
import { literal } from "./server/sql.ts";
import { type Properties, plainProperties, stringList, type Value } from "./value.ts";

/** The answer of a function: what it found, or why its arguments do not do. */
export interface FunctionResult {
  result?: Properties;
  failures: string[];
}

interface LookupFunction {
  /** The query up to its conditions, and the column that the name patterns are about. */
  select: string;
  pattern: string;
  /** Arguments that restrict a column to a list of values. */
  lists: Readonly<Record<string, string>>;
  /** Conditions that the arguments ask for besides patterns and lists. */
  conditions(args: Properties): string[];
  /** What the id begins with after the database. */
  idParts(args: Properties): string[];
  result(rows: Array<Record<string, Value>>, args: Properties): Properties;
}

const FUNCTIONS: Readonly<Record<string, LookupFunction>> = {
  "postgresql:index/getSchemas:getSchemas": {
    select: "SELECT schema_name::text AS name FROM information_schema.schemata",
    pattern: "schema_name",
    lists: {},
    conditions: (args) =>
      args.includeSystemSchemas === true
        ? []
        : ["schema_name NOT LIKE 'pg_%'", "schema_name <> 'information_schema'"],
    idParts: (args) => [String(args.includeSystemSchemas === true)],
    result: (rows, args) => ({
      includeSystemSchemas: args.includeSystemSchemas === true,
      // The official plugin has them as a set: in the order of their checksums' decimal texts.
      schemas: rows
        .map((row) => String(row.name))
        .sort((a, b) => (String(crc32(a)) < String(crc32(b)) ? -1 : 1)),
    }),
  },
  "postgresql:index/getTables:getTables": {
    select: `SELECT table_name::text AS "objectName", table_schema::text AS "schemaName",
      table_type::text AS "tableType" FROM information_schema.tables`,
    pattern: "table_name",
    lists: { schemas: "table_schema", tableTypes: "table_type" },
    conditions: () => [],
    idParts: () => [],
    result: (rows) => ({ tables: rows }),
  },
  "postgresql:index/getSequences:getSequences": {
    select: `SELECT sequence_name::text AS "objectName", sequence_schema::text AS "schemaName",
      data_type::text AS "dataType" FROM information_schema.sequences`,
    pattern: "sequence_name",
    lists: { schemas: "sequence_schema" },
    conditions: () => [],
    idParts: () => [],
    result: (rows) => ({ sequences: rows }),
  },
};

/**
 * Looks up schemas, tables or sequences of a database.
 * @throws Error when there is no such function or the server refuses.
 */
export async function callFunction(
  server: Server,
  token: string,
  given: Properties,
): Promise<FunctionResult> {
  const lookup = Object.hasOwn(FUNCTIONS, token) ? FUNCTIONS[token] : undefined;
  if (!lookup) throw new Error(`unrecognized data function (Invoke): ${token}`);
  const args = plainProperties(given);
  const database = args.database;
  if (typeof database !== "string") {
    const problem = 'The argument "database" is required, but no definition was found.';
    return { failures: [`[database] Missing required argument: ${problem}`] };
  }
  const filters = patternFilters(lookup.pattern, args);
  const lists = Object.entries(lookup.lists).map(([name, column]) => ({
    isSet: stringList(args[name]).length > 0,
    condition: `${column} = ${array("ANY", stringList(args[name]))}`,
    id: array("ANY", stringList(args[name])),
  }));
  const conditions = [
    ...lookup.conditions(args),
    ...[...lists, ...filters].filter((filter) => filter.isSet).map((filter) => filter.condition),
  ];
  const sql = `${lookup.select}${conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : ""} ORDER BY 1`;
  const rows = await server.session(database, (session) =>
    during("could not read from the catalog", session.query<Record<string, Value>>(sql)),
  );
  const id = [database, ...lookup.idParts(args), ...[...lists, ...filters].map((filter) => filter.id)].join(
    "_",
  );
  return { failures: [], result: { ...args, ...lookup.result(rows, args), id } };
}

interface Filter {
  isSet: boolean;
  condition: string;
  /** The filter as part of the result's id. */
  id: string;
}

function patternFilters(column: string, args: Properties): Filter[] {
  const like = (argument: string, operator: string, quantifier: string): Filter => {
    const patterns = stringList(args[argument]);
    const id = array(quantifier, patterns);
    return { isSet: patterns.length > 0, condition: `${column} ${operator} ${id}`, id };
  };
  const regex = typeof args.regexPattern === "string" ? args.regexPattern : "";
  return [
    like("likeAnyPatterns", "LIKE", "ANY"),
    like("likeAllPatterns", "LIKE", "ALL"),
    like("notLikeAllPatterns", "NOT LIKE", "ALL"),
    { isSet: regex !== "", condition: `${column} ~ ${literal(regex)}`, id: regex },
  ];
}

function array(quantifier: string, values: string[]): string {
  return `${quantifier} (array[${values.map((value) => literal(value)).join(",")}])`;
}
