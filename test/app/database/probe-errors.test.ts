import { describe, expect, it } from "vitest";
import { type ProbeFailure, probeFailureOf } from "../../../app/database/probe-errors.ts";

const withCode = (code: string, message = "") => Object.assign(new Error(message), { code });

describe("probeFailureOf", () => {
  it.each<[ProbeFailure, unknown]>([
    ["dns", withCode("ENOTFOUND", "getaddrinfo ENOTFOUND pgbouncer")],
    ["dns", withCode("EAI_AGAIN")],
    ["unreachable", withCode("ECONNREFUSED")],
    ["unreachable", new AggregateError([withCode("ECONNREFUSED")], "")],
    ["unreachable", new Error("Connection terminated unexpectedly")],
    ["unreachable", withCode("57P01", "terminating connection due to administrator command")],
    ["unreachable", withCode("08P01", "server shutting down")],
    ["timeout", Object.assign(withCode("ETIMEDOUT"), { syscall: "connect" })],
    ["unreachable", Object.assign(withCode("ETIMEDOUT"), { syscall: "read" })],
    ["unreachable", withCode("08P01", "client_idle_timeout")],
    ["timeout", withCode("57014", "canceling statement due to statement timeout")],
    ["login", withCode("28P01", 'password authentication failed for user "poolkit_app"')],
    ["login", withCode("08P01", "SASL authentication failed")],
    ["login", withCode("08P01", "no such database: x")],
    [
      "login",
      withCode("08P01", "server login has been failing, cached error: password authentication failed"),
    ],
    [
      "upstream_down",
      withCode("08P01", "server login has been failing, cached error: connect failed (server_login_retry)"),
    ],
    ["upstream_down", withCode("08P01", "client_login_timeout (server down)")],
    ["upstream_down", withCode("57P03", "the database system is starting up")],
    [
      "upstream_down",
      withCode("08P01", "server login has been failing, cached error: the database system is shutting down"),
    ],
    ["unreachable", withCode("08P01", "server conn crashed?")],
    ["client_limit", withCode("08P01", "no more connections allowed (max_client_conn)")],
    ["queue_timeout", withCode("08P01", "query_wait_timeout")],
    ["connections_exhausted", withCode("53300", "sorry, too many clients already")],
    ["disk_full", withCode("53100", "could not write to file: No space left on device")],
    ["missing_table", withCode("42P01")],
    ["forbidden", withCode("42501")],
    ["other", withCode("XX000", "internal error")],
    ["other", new Error("something else")],
    ["other", "text"],
    ["other", null],
  ])("%s", (expected, error) => {
    expect(probeFailureOf(error)).toBe(expected);
  });
});
