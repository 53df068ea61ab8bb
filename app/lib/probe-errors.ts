/** What a failed probe means. The words are for rules, never the error's own text: that may name hosts and users. */
export type ProbeFailure =
  | "dns"
  | "unreachable"
  | "timeout"
  | "login"
  | "upstream_down"
  | "client_limit"
  | "queue_timeout"
  | "connections_exhausted"
  | "disk_full"
  | "missing_table"
  | "forbidden"
  | "other";

/** SQLSTATEs of Postgres that pass through PgBouncer unchanged. */
const BY_SQLSTATE: Readonly<Record<string, ProbeFailure>> = {
  "28000": "login",
  "28P01": "login",
  "3D000": "login",
  "42501": "forbidden",
  "42P01": "missing_table",
  "53100": "disk_full",
  "53300": "connections_exhausted",
  "57014": "timeout",
  "57P01": "unreachable",
  "57P02": "unreachable",
  "57P03": "unreachable",
};

const BY_ERRNO: Readonly<Record<string, ProbeFailure>> = {
  EAI_AGAIN: "dns",
  ENOTFOUND: "dns",
  ECONNREFUSED: "unreachable",
  ECONNRESET: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EPIPE: "unreachable",
  ETIMEDOUT: "timeout",
};

/** PgBouncer's own errors all carry 08P01, and pg's carry no code: only the text tells them apart. */
const BY_MESSAGE: readonly (readonly [RegExp, ProbeFailure])[] = [
  [/no more connections allowed/, "client_limit"],
  [/query_wait_timeout/, "queue_timeout"],
  [/server login has been failing, cached error: connect failed/, "upstream_down"],
  [/client_login_timeout \(server down\)/, "upstream_down"],
  [/server conn crashed|server_connect_timeout|server_login_timeout/, "upstream_down"],
  [
    /login has been failing|SASL|authentication failed|no such (user|database)|not allowed|does not exist/,
    "login",
  ],
  [/too many clients|remaining connection slots/, "connections_exhausted"],
  [/server shutting down|Connection terminated|database removed/, "unreachable"],
  [/timeout/, "timeout"],
];

/** Says what a probe's error means. Anything unknown is "other". */
export function classifyProbeError(error: unknown): ProbeFailure {
  if (typeof error !== "object" || error === null) return "other";
  // Happy eyeballs collects one error per address; the first is as good as any.
  if (error instanceof AggregateError && error.errors.length > 0) return classifyProbeError(error.errors[0]);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const message = "message" in error && typeof error.message === "string" ? error.message : "";
  const byText = BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1];
  if (code === "08P01" || code === "") return byText ?? "other";
  return BY_SQLSTATE[code] ?? BY_ERRNO[code] ?? byText ?? "other";
}
