import { oneLine } from "./text.ts";

/** Why a look gave nothing, in words that rules can compare. The application's health has the same words. */
export type Failure =
  | "dns"
  | "unreachable"
  | "timeout"
  | "login"
  | "upstream_down"
  | "client_limit"
  | "queue_timeout"
  | "connections_exhausted"
  | "other";

/** SQLSTATEs of Postgres; PgBouncer passes them on unchanged. */
const bySqlState: Readonly<Record<string, Failure>> = {
  "28000": "login",
  "28P01": "login",
  "3D000": "login",
  "53300": "connections_exhausted",
  "57014": "timeout",
  "57P01": "unreachable",
  "57P02": "unreachable",
  "57P03": "upstream_down",
};

const byErrno: Readonly<Record<string, Failure>> = {
  EAI_AGAIN: "dns",
  ENOTFOUND: "dns",
  EACCES: "unreachable",
  ECONNREFUSED: "unreachable",
  ECONNRESET: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ENOENT: "unreachable",
  EPIPE: "unreachable",
  ETIMEDOUT: "timeout",
};

/** PgBouncer's own errors all carry 08P01, and node-postgres' none: only the text tells them apart. */
const byMessage: readonly (readonly [RegExp, Failure])[] = [
  [/no more connections allowed|client connections exceeded/, "client_limit"],
  [/query_wait_timeout/, "queue_timeout"],
  [/too many (clients|connections)|remaining connection slots/, "connections_exhausted"],
  [/database system is (starting up|shutting down|in recovery mode)|not yet accepting/, "upstream_down"],
  [/cached error: connect failed|client_login_timeout \(server down\)/, "upstream_down"],
  [/SASL|authentication failed|no such (user|database)|not allowed|does not exist/, "login"],
  [/login has been failing|server_connect_timeout|server_login_timeout/, "upstream_down"],
  [
    /server conn crashed|server shutting down|Connection terminated|socket hang up|database removed/,
    "unreachable",
  ],
  [/timeout/i, "timeout"],
];

/** What an error of a socket, of Postgres, PgBouncer or the engine means, and its own words on one line. */
export function failureOf(error: unknown): { failure: Failure; message: string } {
  // Happy eyeballs collects one error per address; the first is as good as any.
  if (error instanceof AggregateError && error.errors.length > 0) return failureOf(error.errors[0]);
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const byText = byMessage.find(([pattern]) => pattern.test(message))?.[1];
  if (code === "08P01" || code === "") return { failure: byText ?? "other", message };
  return { failure: bySqlState[code] ?? byErrno[code] ?? byText ?? "other", message };
}
