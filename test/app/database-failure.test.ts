import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import {
  CircuitOpenError,
  classifyFailure,
  FAILURES,
  type FailureKind,
  isUnavailable,
} from "../../app/lib/database-failure.ts";
import { CLOSED_MESSAGE, CUT_OFF_MESSAGE } from "../../app/lib/pool-lease.ts";
import type { RecordedFailure } from "./fixtures/provoked-failures.ts";

const recorded: RecordedFailure[] = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "fixtures/failures.golden.json"), "utf8"),
);

describe("classifyFailure", () => {
  it.each(recorded.map((failure) => [failure.row, failure] as const))(
    "names what really came: %s",
    (_row, { kind, adapter, client }) => {
      expect(classifyFailure(client)).toBe(kind);
      if (adapter !== null) expect(classifyFailure(adapter)).toBe(kind);
    },
  );

  it("has a recording of every row of the two tables of facts", () => {
    expect(recorded.length).toBeGreaterThanOrEqual(35);
    const seen = new Set(recorded.map(({ kind }) => kind));
    // What no test can bring about at will stands below, with its source.
    const rare: FailureKind[] = ["circuit_open", "cut_off"];
    const application: FailureKind[] = ["missing_reference", "missing_table", "forbidden"];
    expect([...Object.keys(FAILURES)].filter((kind) => !seen.has(kind as FailureKind)).sort()).toEqual(
      [...rare, ...application].sort(),
    );
  });

  const coded = (fields: object) => Object.assign(new Error("text"), fields);
  it.each<[string, FailureKind, unknown]>([
    ["libuv", "dns", coded({ code: "EAI_AGAIN", syscall: "getaddrinfo" })],
    ["libuv, while connecting", "connect_timeout", coded({ code: "ETIMEDOUT", syscall: "connect" })],
    ["libuv, while connecting", "unreachable", coded({ code: "ECONNRESET", syscall: "connect" })],
    ["libuv, while reading", "connection_lost", coded({ code: "ETIMEDOUT", syscall: "read" })],
    ["libuv, while writing", "connection_lost", coded({ code: "EPIPE", syscall: "write" })],
    ["adapter-pg, ETIMEDOUT", "connection_lost", { cause: { kind: "SocketTimeout" } }],
    ["adapter-pg, certificate", "tls", { cause: { kind: "TlsConnectionError", reason: "expired" } }],
    ["Prisma, P1008", "connection_lost", coded({ code: "P1008" })],
    ["Postgres that recovers", "starting", coded({ code: "57P03", severity: "FATAL" })],
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
    ["a pool that closes over it", "cut_off", new Error(CUT_OFF_MESSAGE)],
    ["a pool that was closed before", "pool_closed", new Error(CLOSED_MESSAGE)],
    ["Postgres, 23503", "missing_reference", coded({ code: "23503", severity: "ERROR" })],
    ["Postgres, 53100", "disk_full", coded({ code: "53100", severity: "ERROR" })],
    ["Postgres, 42P01", "missing_table", coded({ code: "42P01", severity: "ERROR" })],
    ["Postgres, 42501", "forbidden", coded({ code: "42501", severity: "ERROR" })],
    ["a bug", "other", new TypeError("x is not a function")],
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
    const error: { message: string; cause?: unknown } = { message: "query_wait_timeout" };
    error.cause = error;
    expect(classifyFailure(error)).toBe("queue_timeout");
  });
});
