import pg from "pg";
import type { Postgres18 } from "../../../support/postgres18.ts";
import { compareStep, type Seen } from "./compare.ts";
import { type Case, type Json, type JsonObject, mapTexts, type Step, text, texts } from "./json.ts";
import type { Plugin } from "./plugin.ts";
import { QUERIES } from "./queries.ts";
import { type Engine, LOCAL, type Ports } from "./surroundings.ts";

/** The configuration of every case that has no configure step; values as the engine sends them. */
const DEFAULT_ARGS = {
  host: placeholder("host"),
  port: placeholder("port"),
  username: "postgres",
  password: placeholder("password"),
  sslmode: "disable",
  superuser: "true",
  connectTimeout: "15",
  expectedVersion: "18.0.0",
  maxConnections: "4",
};

/** How the record writes a value of the run: `${name}`. */
function placeholder(name: string): string {
  return `\${${name}}`;
}

/** What a replay runs against. */
export interface Bench {
  server: Postgres18;
  plugin: Plugin;
  engine: Engine;
  ports: Ports;
}

/** Replays a case; the places where it differs from the record. Every step stands for itself. */
export async function replay(bench: Bench, recorded: Case): Promise<string[]> {
  const session = new CaseSession(bench);
  try {
    for (const step of recorded.steps.filter(({ op }) => op === "cleanup")) await session.run(step);
    if (!recorded.steps.some(({ op }) => op === "configure")) await session.configure();
    const lines: string[] = [];
    for (const [i, step] of recorded.steps.entries()) {
      lines.push(...compareStep(step, await session.run(step), `step ${i + 1} ${step.op}`));
    }
    return lines;
  } finally {
    await session.end();
  }
}

class CaseSession {
  readonly #bench: Bench;
  /** Connections that the case holds open. */
  readonly #held = new Map<string, pg.Client>();

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async configure(): Promise<void> {
    await this.#bench.plugin.call("configure", { args: this.#expand(DEFAULT_ARGS) });
  }

  async end(): Promise<void> {
    for (const client of this.#held.values()) await client.end().catch(() => {}); // may be cut by the case
  }

  /** Runs a step and collects what is to be compared, with this run's addresses replaced. */
  async run(step: Step): Promise<Seen> {
    const request = this.#expand(step.request);
    this.#bench.engine.takeWarnings();
    const start = performance.now();
    const response = await (this.#bench.plugin.call(step.op, request) ?? this.#local(step.op, request));
    const seconds = (performance.now() - start) / 1000;
    const warnings = this.#bench.engine.takeWarnings();
    const database: Json[] = [];
    for (const state of step.database ?? []) database.push({ ...state, rows: await this.#rows(state) });
    return { response: this.#normalise(response), seconds, warnings, database: this.#normalise(database) };
  }

  async #rows(state: { query: string; in: string; names: string[] }): Promise<Json> {
    const query = QUERIES[state.query];
    if (!query) throw new Error(`no query ${state.query}`);
    return this.#query(state.in, [query], [state.names]).catch(recordedFailure);
  }

  async #local(op: string, request: JsonObject): Promise<Json> {
    try {
      return await this.#localOperation(op, request);
    } catch (error) {
      return recordedFailure(error);
    }
  }

  async #localOperation(op: string, request: JsonObject): Promise<Json> {
    switch (op) {
      case "sql":
        await this.#query(text(request, "database"), texts(request, "statements"));
        return {};
      case "cleanup":
        await this.#cleanUp(request);
        return {};
      case "login": {
        const credentials = { user: text(request, "username"), password: text(request, "password") };
        await (await this.#connect(text(request, "database"), credentials)).end();
        return {};
      }
      case "hold":
        this.#held.set(text(request, "as"), await this.#connect(text(request, "database")));
        return {};
      case "stillHeld": {
        const alive = this.#held.get(text(request, "as"))?.query("SELECT 1");
        return {
          alive: await (alive ?? Promise.reject(new Error("never held"))).then(
            () => true,
            () => false,
          ),
        };
      }
      default:
        throw new Error(`no operation ${op}`);
    }
  }

  /** Removes whatever the case may have left; what is not there does not matter. */
  async #cleanUp(request: JsonObject): Promise<void> {
    const databases = texts(request, "databases").map(pg.escapeIdentifier);
    const roles = texts(request, "roles").map(pg.escapeIdentifier);
    const statements = [
      ...texts(request, "statements"),
      ...databases.flatMap((name) => [
        `ALTER DATABASE ${name} IS_TEMPLATE false`,
        `DROP DATABASE ${name} WITH (FORCE)`,
      ]),
      ...roles.flatMap((name) => [`DROP OWNED BY ${name}`, `DROP ROLE ${name}`]),
    ];
    const client = await this.#connect("postgres");
    for (const statement of statements) await client.query(statement).catch(() => {});
    await client.end();
  }

  async #query(database: string, statements: string[], values?: unknown[]): Promise<Json> {
    const client = await this.#connect(database);
    try {
      await client.query("SET timezone TO 'UTC'");
      let rows: unknown[] = [];
      for (const statement of statements) ({ rows } = await client.query(statement, values));
      return JSON.parse(JSON.stringify(rows));
    } finally {
      await client.end();
    }
  }

  async #connect(database: string, credentials?: { user: string; password: string }): Promise<pg.Client> {
    const { host, port, password } = this.#bench.server;
    const client = new pg.Client({ host, port, user: "postgres", password, database, ...credentials });
    client.on("error", () => {}); // cases drop databases under open connections
    await client.connect();
    return client;
  }

  /** Placeholders in requests become this run's values. */
  #expand(request: JsonObject): JsonObject {
    const { host, port, password } = this.#bench.server;
    const { closedPort, silentPort } = this.#bench.ports;
    const values = new Map(Object.entries({ host, port: String(port), password, closedPort, silentPort }));
    const expand = (value: string) => value.replace(/\$\{(\w+)\}/g, (all, key) => values.get(key) ?? all);
    return Object.fromEntries(Object.entries(request).map(([key, value]) => [key, mapTexts(value, expand)]));
  }

  /** This run's values in answers become placeholders again. */
  #normalise(value: Json): Json {
    const { host, port } = this.#bench.server;
    const { closedPort, silentPort } = this.#bench.ports;
    return mapTexts(value, (found) =>
      found
        .replaceAll(`${LOCAL}:${closedPort}`, `${LOCAL}:${placeholder("closedPort")}`)
        .replaceAll(`${LOCAL}:${silentPort}`, `${LOCAL}:${placeholder("silentPort")}`)
        .replaceAll(`server ${host} (`, `server ${placeholder("host")} (`)
        .replaceAll(`${host}:${port}`, `${placeholder("host")}:${placeholder("port")}`)
        .replace(/\b[\d.]+:\d+->/g, "*->"),
    );
  }
}

function recordedFailure(error: unknown): Json {
  const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
  return { error: { code, message: error instanceof Error ? error.message : String(error) } };
}
