import { expect, it } from "vitest";
import { probeFailureOf } from "../../app/database/probe-errors.ts";
import { CAUSES } from "../../app/health/health-causes.ts";
import { causes } from "../../cli/doctor/causes.ts";
import { failureOf } from "../../cli/doctor/failure.ts";

const error = (message: string, code?: string) => Object.assign(new Error(message), { code });

/** Neither room may import the other, and both name what a login or query through PgBouncer met. */
it.each([
  error("no more connections allowed (max_client_conn)", "08P01"),
  error("query_wait_timeout", "08P01"),
  error("server login has been failing, cached error: connect failed (server_login_retry)", "08P01"),
  error('server login has been failing, cached error: password authentication failed for user "x"', "08P01"),
  error("client_login_timeout (server down)", "08P01"),
  error("server login has been failing, cached error: the database system is starting up", "08P01"),
  error("server login has been failing, cached error: sorry, too many clients already", "08P01"),
  error("server_login_timeout", "08P01"),
  error("server conn crashed?", "08P01"),
  error("server shutting down", "08P01"),
  error("no such database: x", "08P01"),
  error('password authentication failed for user "x"', "28P01"),
  error("sorry, too many clients already", "53300"),
  error("remaining connection slots are reserved for roles with the SUPERUSER attribute", "53300"),
  error("the database system is shutting down", "57P03"),
  error("connect ECONNREFUSED 127.0.0.1:1", "ECONNREFUSED"),
  error("getaddrinfo EAI_AGAIN postgres", "EAI_AGAIN"),
  Object.assign(error("connect ETIMEDOUT", "ETIMEDOUT"), { syscall: "connect" }),
  error("Connection terminated unexpectedly"),
])("the doctor and the application's health call it the same: %s", (thrown) => {
  const { failure } = failureOf(thrown);
  expect(failure).not.toBe("other");
  expect(failure).toBe(probeFailureOf(thrown));
});

it("the doctor knows every cause that the application's health names", () => {
  expect(Object.keys(causes)).toEqual(expect.arrayContaining(Object.keys(CAUSES)));
});
