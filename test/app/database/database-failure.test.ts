import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import {
  CircuitOpenError,
  classifyFailure,
  FAILURES,
  type FailureKind,
  isUnavailable,
} from "../../../app/database/database-failure.ts";
import { CLOSED_MESSAGE } from "../../../app/database/pool-lease.ts";
import type { RecordedFailure } from "../fixtures/provoked-failures.ts";

const recorded: RecordedFailure[] = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../fixtures/failures.golden.json"), "utf8"),
);

/** Rows of facts/pooling.md 1.9 and 3.3, and others that were met: one that is lost must be missed. */
const ROWS = [
  "3.3 pool queue timeout",
  "3.3 refused",
  "3.3 refused on every address of a name",
  "3.3 DNS",
  "3.3 host unreachable",
  "2 new connection not ready in time",
  "1.9 no more connections allowed (max_client_conn), model operation",
  "1.9 no more connections allowed (max_client_conn), raw operation",
  "1.9 query_wait_timeout, model operation",
  "1.9 query_wait_timeout, raw operation",
  "1.9 server login has been failing, cached error: connect failed, model operation",
  "1.9 server login has been failing, cached error: connect failed, raw operation",
  "1.9 no such database",
  "1.9 SASL authentication failed, model operation",
  "1.9 SASL authentication failed, raw operation",
  "3.3 bad password, direct, model operation",
  "3.3 bad password, direct, raw operation",
  "1.9 unsupported startup parameter",
  "1.9 client_idle_timeout",
  "1.9 idle_transaction_timeout",
  "1.9 transaction_timeout",
  "1.9 idle transaction timeout, PgBouncer's own text",
  "3.3 Postgres full, direct, model operation",
  "3.3 Postgres full, direct, raw operation",
  "3.3 Postgres full, through PgBouncer, model operation",
  "3.3 Postgres full, through PgBouncer, raw operation",
  "3.3 ECONNRESET, raw operation",
  "3.3 ECONNRESET, model operation",
  "3.3 EPIPE",
  "3.3 EAI_AGAIN",
  "3.3 ETIMEDOUT",
  "3.3 Connection terminated unexpectedly",
  "3.3 Client has encountered a connection error and is not queryable",
  "3.3 Query read timeout",
  "3.3 Cannot use a pool after calling end on the pool",
  "the pool is closed over a statement",
  "3.3 57P01, raw operation",
  "3.3 57P01, model operation",
  "3.3 57014, raw operation",
  "3.3 57014, model operation",
  "3.3 40001",
  "3.3 40P01",
  "3.3 transaction start time-out",
  "3.3 transaction time-out",
  "unique violation",
  "record not found",
  "an error of the statement, with a text that looks like another",
  "a TLS connection to a server that offers none",
  "53100, the disk is full",
  "1.9 database removed",
  "1.9 database disabled",
  "1.9 server shutting down",
  "1.9 server conn crashed?",
  "57P03, Postgres stops",
];

describe("classifyFailure", () => {
  it.each(recorded.map((failure) => [failure.row, failure] as const))(
    "names what really came: %s",
    (_row, { kind, adapter, client }) => {
      expect(classifyFailure(client)).toBe(kind);
      if (adapter !== null) expect(classifyFailure(adapter)).toBe(kind);
    },
  );

  it("has a recording of every row of the two tables of facts", () => {
    expect(recorded.map(({ row }) => row)).toEqual(ROWS);
    const seen = new Set(recorded.map(({ kind }) => kind));
    // What no test can bring about at will stands below, with its source.
    const rare: FailureKind[] = ["circuit_open"];
    const application: FailureKind[] = ["missing_reference", "missing_table", "forbidden"];
    expect([...Object.keys(FAILURES)].filter((kind) => !seen.has(kind as FailureKind)).sort()).toEqual(
      [...rare, ...application].sort(),
    );
  });

  const coded = (fields: object) => Object.assign(new Error("text"), fields);
  it.each<[string, FailureKind, unknown]>([
    ["libuv, a resolver that refuses", "dns", coded({ code: "EAI_FAIL", syscall: "getaddrinfo" })],
    ["libuv, a host that is down", "unreachable", coded({ code: "EHOSTDOWN", syscall: "connect" })],
    ["libuv, a network that is down", "unreachable", coded({ code: "ENETDOWN", syscall: "connect" })],
    ["libuv, while connecting", "connect_timeout", coded({ code: "ETIMEDOUT", syscall: "connect" })],
    ["libuv, while connecting", "unreachable", coded({ code: "ECONNRESET", syscall: "connect" })],
    ["adapter-pg, certificate", "tls", { cause: { kind: "TlsConnectionError", reason: "expired" } }],
    [
      "PgBouncer, a limit of the role's own",
      "client_limit",
      coded({ code: "08P01", message: "client connections exceeded (max_user_client_connections)" }),
    ],
    [
      "PgBouncer that quotes Postgres",
      "starting",
      coded({
        code: "08P01",
        message: "server login has been failing, cached error: the database system is starting up",
      }),
    ],
    [
      "PgBouncer that quotes Postgres",
      "login",
      coded({
        code: "08P01",
        message: "server login has been failing, cached error: password authentication failed",
      }),
    ],
    ["several addresses", "unreachable", new AggregateError([coded({ code: "ENETUNREACH" })])],
    ["the breaker", "circuit_open", new CircuitOpenError()],
    ["a pool that was closed before", "pool_closed", new Error(CLOSED_MESSAGE)],
    ["Postgres, 23503", "missing_reference", coded({ code: "23503", severity: "ERROR" })],
    ["Postgres, 42P01", "missing_table", coded({ code: "42P01", severity: "ERROR" })],
    ["Postgres, 42501", "forbidden", coded({ code: "42501", severity: "ERROR" })],
    ["a bug", "other", new TypeError("x is not a function")],
    // Texts that PgBouncer and Postgres use as well, thrown by other code.
    ["a file", "other", new Error("the template does not exist")],
    ["a rule", "other", new Error("not allowed: too many connections, query_timeout")],
    [
      "PgBouncer, its own words inside an adapter's error",
      "client_limit",
      { originalCode: "08P01", originalMessage: "no more connections allowed", message: "the adapter's own" },
    ],
    [
      "Postgres that quotes what was asked for, and who wraps it quotes that in turn",
      "other",
      Object.assign(new Error("SASL: of a name"), { cause: coded({ code: "22P02", severity: "ERROR" }) }),
    ],
    [
      "the same from an adapter",
      "other",
      Object.assign(new Error("SASL: of a name"), { cause: { originalCode: "22P02" } }),
    ],
    ["no error at all", "other", undefined],
  ])("%s: %s", (_source, kind, error) => {
    expect(classifyFailure(error)).toBe(kind);
  });

  it("tells a database that could not from work that was wrong", () => {
    const unavailable = recorded.filter(({ client }) => isUnavailable(client)).map(({ kind }) => kind);
    expect(new Set(unavailable)).not.toContain("conflict");
    expect(recorded.filter(({ client }) => !isUnavailable(client)).map(({ kind }) => kind)).toEqual([
      "conflict",
      "not_found",
      "other",
    ]);
  });

  it("ends on an error that is its own cause", () => {
    const error: { message: string; code: string; cause?: unknown } = {
      message: "query_wait_timeout",
      code: "08P01",
    };
    error.cause = error;
    expect(classifyFailure(error)).toBe("queue_timeout");
  });
});
