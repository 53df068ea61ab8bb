/** How far a failed statement came; this alone decides whether doing it again can do it twice. */
export type FailurePhase =
  /** It never reached Postgres. */
  | "connect"
  /** It may have reached Postgres, and nobody knows what became of it. */
  | "unknown"
  /** Postgres or PgBouncer answered: it took no effect. */
  | "answered";

interface Meaning {
  readonly phase: FailurePhase;
  /** What may be done again without asking: every statement, reads, a whole transaction, or nothing. */
  readonly retry: "any" | "reads" | "transaction" | "never";
  /** True where the way to the database is broken for everybody; only this opens the circuit breaker. */
  readonly isOutage: boolean;
}

const meaning = (phase: FailurePhase, retry: Meaning["retry"], isOutage = false): Meaning => ({
  phase,
  retry,
  isOutage,
});

/**
 * Every kind of failure and what follows from it. Saturation (a full pool, a full PgBouncer, a full Postgres) is no
 * outage: connections that are open still work, and a breaker would take those away too.
 */
export const FAILURES = {
  /** The host name does not resolve. */
  dns: meaning("connect", "any", true),
  /** Nothing listens, or no way leads there. */
  unreachable: meaning("connect", "any", true),
  /** A new connection was not ready within the acquire timeout. */
  connect_timeout: meaning("connect", "any", true),
  /** PgBouncer runs and cannot log in to Postgres. */
  upstream_down: meaning("connect", "any", true),
  /** Postgres starts, recovers or stops. */
  starting: meaning("connect", "any", true),
  /** Somebody disabled the database on PgBouncer's console: it takes no new client. */
  pooler_disabled: meaning("connect", "any", true),
  /** PgBouncer stops; only clients that wait for a server connection are told. */
  pooler_stopping: meaning("connect", "any", true),
  /** No connection of the application's own pool became free within the acquire timeout. */
  pool_exhausted: meaning("connect", "any"),
  /** PgBouncer has max_client_conn clients. */
  client_limit: meaning("connect", "any"),
  /** No server connection became free within PgBouncer's query_wait_timeout. */
  queue_timeout: meaning("connect", "any"),
  /** Postgres has no free connection slot, or the role has none. */
  connections_exhausted: meaning("connect", "any"),
  /** The connection was found broken, or was closed while idle, before anything was sent on it. */
  stale_connection: meaning("connect", "any"),
  /** Prisma found no connection for a transaction within DATABASE_TRANSACTION_MAX_WAIT. */
  transaction_start: meaning("connect", "any"),
  /** User, password, database or the pooler's list of them is wrong. */
  login: meaning("connect", "never"),
  /** The client sends a startup parameter that PgBouncer does not take. */
  startup_parameter: meaning("connect", "never"),
  /** The server offers no TLS, or not the one that was asked for. */
  tls: meaning("connect", "never"),
  /** The pool was closed before. */
  pool_closed: meaning("connect", "never"),
  /** The circuit breaker is open: nothing was tried. */
  circuit_open: meaning("connect", "never"),
  /** The connection broke while the statement was on its way. */
  connection_lost: meaning("unknown", "reads"),
  /** The pool had to be closed while the statement, a COMMIT perhaps, was on its way. */
  cut_off: meaning("unknown", "never"),
  /** Two transactions got in each other's way (40001, 40P01); Postgres rolled this one back. */
  write_conflict: meaning("answered", "transaction"),
  /** A limit of the statement, the lock or the transaction was reached: doing it again takes as long again. */
  timeout: meaning("answered", "never"),
  conflict: meaning("answered", "never"),
  missing_reference: meaning("answered", "never"),
  not_found: meaning("answered", "never"),
  /** Postgres could not write: its disk, or the quota of it, is full. */
  disk_full: meaning("answered", "never"),
  missing_table: meaning("answered", "never"),
  forbidden: meaning("answered", "never"),
  /** Everything else: an error of the statement, or none of the database at all. */
  other: meaning("answered", "never"),
} as const satisfies Record<string, Meaning>;

export type FailureKind = keyof typeof FAILURES;

/** SQLSTATEs that say everything by themselves. 08P01 is not among them: PgBouncer uses it for all of its errors. */
const BY_SQLSTATE: Readonly<Record<string, FailureKind>> = {
  "23503": "missing_reference",
  "23505": "conflict",
  "25P03": "timeout",
  "25P04": "timeout",
  "28000": "login",
  "28P01": "login",
  "3D000": "login",
  "40001": "write_conflict",
  "40P01": "write_conflict",
  "42501": "forbidden",
  "42P01": "missing_table",
  "53100": "disk_full",
  "53300": "connections_exhausted",
  "55P03": "timeout",
  "57014": "timeout",
  "57P01": "connection_lost",
  "57P02": "connection_lost",
  "57P03": "starting",
  "57P05": "connection_lost",
};

/**
 * Errors of the operating system. ECONNRESET, EPIPE and ETIMEDOUT say nothing about how much of a statement had been
 * sent before, so they count as unknown; while connecting (`syscall`) nothing can have been.
 */
const BY_ERRNO: Readonly<Record<string, FailureKind>> = {
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  ENOTFOUND: "dns",
  ECONNREFUSED: "unreachable",
  EHOSTDOWN: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  ENETUNREACH: "unreachable",
  ECONNRESET: "connection_lost",
  EPIPE: "connection_lost",
  ETIMEDOUT: "connection_lost",
};

/** Kinds of @prisma/adapter-pg for errors whose errno it does not keep. */
const BY_ADAPTER_KIND: Readonly<Record<string, FailureKind>> = {
  DatabaseNotReachable: "unreachable",
  ConnectionClosed: "connection_lost",
  SocketTimeout: "connection_lost",
  TlsConnectionError: "tls",
};

/** Prisma's codes, asked last: an error inside is more precise. P2028 is told apart by its text. */
const BY_PRISMA_CODE: Readonly<Record<string, FailureKind>> = {
  P1000: "login",
  P1001: "unreachable",
  P1003: "login",
  P1008: "connection_lost",
  P1010: "login",
  P1011: "tls",
  P1017: "connection_lost",
  P2002: "conflict",
  P2003: "missing_reference",
  P2025: "not_found",
  P2028: "timeout",
  P2034: "write_conflict",
  P2037: "connections_exhausted",
};

type Texts = readonly (readonly [RegExp, FailureKind])[];

/** Texts of errors without a code: those of node-postgres and of this layer, and none that other code may have thrown. */
const BY_CLIENT_MESSAGE: Texts = [
  [/^timeout exceeded when trying to connect/, "pool_exhausted"],
  [/connection error and is not queryable|was closed and is not queryable/, "stale_connection"],
  [/database pool was closed before this work had ended/, "cut_off"],
  [/Cannot use a pool after calling end|database pool was closed before this work began/, "pool_closed"],
  [/^SASL: /, "login"],
  [/^Connection terminated|^Query read timeout/, "connection_lost"],
];

/**
 * Texts of errors with 08P01, which all of PgBouncer's carry. What it says of a failed server login holds the server's
 * reason, so that comes before its own words.
 */
const BY_POOLER_MESSAGE: Texts = [
  [/no more connections allowed|client connections exceeded/, "client_limit"],
  [/query_wait_timeout/, "queue_timeout"],
  [/too many clients|too many connections|remaining connection slots/, "connections_exhausted"],
  [/database system is (starting up|shutting down|in recovery mode)|not yet accepting/, "starting"],
  [/cached error: connect failed|client_login_timeout \(server down\)/, "upstream_down"],
  [/unsupported startup parameter/, "startup_parameter"],
  [/SASL|authentication failed|no such (user|database)|not allowed|does not exist/, "login"],
  [/login has been failing/, "upstream_down"],
  [/^database .* is disabled$/, "pooler_disabled"],
  [/server shutting down/, "pooler_stopping"],
  [/client_idle_timeout/, "stale_connection"],
  [/server_connect_timeout|server_login_timeout/, "upstream_down"],
  [/server conn crashed|database removed/, "connection_lost"],
  [/idle transaction timeout|transaction timeout|query_timeout/, "timeout"],
];

/** Prisma has one code for all that goes wrong with transactions. */
const BY_TRANSACTION_MESSAGE: Texts = [
  [/Unable to start a transaction in the given time/, "transaction_start"],
  [/Transaction already closed/, "timeout"],
];

/** Codes whose error only its text tells apart; "" is none. */
const TEXTS_OF: Readonly<Record<string, Texts>> = {
  "": BY_CLIENT_MESSAGE,
  "08P01": BY_POOLER_MESSAGE,
  P2028: BY_TRANSACTION_MESSAGE,
};

/** What node-postgres says of a connection that was not ready in time; it wraps the end of that connection. */
const CONNECT_TIMEOUT = /^Connection terminated due to connection timeout$/;

/** Deepest nesting that is looked at: client error, `meta`, adapter error, cause. */
const MAX_DEPTH = 5;

/** Says what `error` means. Looks at every error it is made of, the innermost first, since only that one is precise. */
export function classifyFailure(error: unknown): FailureKind {
  return kindOf(error, 0) ?? "other";
}

/** Failures that are about what was asked for, not about the database being there. */
const ABOUT_THE_WORK: readonly FailureKind[] = [
  "conflict",
  "missing_reference",
  "not_found",
  "missing_table",
  "forbidden",
  "other",
];

/** True when `error` says that the database could not do it now, so that the same work may succeed later. */
export function isUnavailable(error: unknown): boolean {
  return !ABOUT_THE_WORK.includes(classifyFailure(error));
}

function kindOf(error: unknown, depth: number): FailureKind | undefined {
  if (typeof error !== "object" || error === null || depth > MAX_DEPTH) return undefined;
  // The one wrapper that knows more than what it wraps ("Connection terminated").
  if (CONNECT_TIMEOUT.test(text(error, "message"))) return "connect_timeout";
  for (const inner of innerErrors(error)) {
    const kind = kindOf(inner, depth + 1);
    if (kind !== undefined) return kind;
  }
  return ownKind(error);
}

function innerErrors(error: object): unknown[] {
  // One error per address of a host: the first is as good as any.
  const first = "errors" in error && Array.isArray(error.errors) ? error.errors[0] : undefined;
  const meta = property(error, "meta");
  const adapterError =
    typeof meta === "object" && meta !== null ? property(meta, "driverAdapterError") : null;
  return [adapterError, property(error, "cause"), first];
}

function ownKind(error: object): FailureKind | undefined {
  const message = text(error, "originalMessage") || text(error, "message");
  const code = text(error, "originalCode") || text(error, "code");
  if (text(error, "syscall") === "connect" && (code === "ETIMEDOUT" || code === "ECONNRESET")) {
    return code === "ETIMEDOUT" ? "connect_timeout" : "unreachable";
  }
  const byCode = BY_SQLSTATE[code] ?? BY_ERRNO[code] ?? BY_ADAPTER_KIND[text(error, "kind")];
  if (byCode !== undefined) return byCode;
  // An answer of Postgres with a code that is not listed: its text may quote anything, so nobody may read it.
  const isAnswer = text(error, "originalCode") !== "" || text(error, "severity") !== "";
  if (isAnswer && code !== "08P01") return "other";
  const byText = TEXTS_OF[code]?.find(([pattern]) => pattern.test(message))?.[1];
  return byText ?? BY_PRISMA_CODE[code] ?? (code === CIRCUIT_OPEN ? "circuit_open" : undefined);
}

function property(error: object, name: string): unknown {
  return Object.hasOwn(error, name) ? (error as Readonly<Record<string, unknown>>)[name] : undefined;
}

function text(error: object, name: string): string {
  const value: unknown = (error as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" ? value : "";
}

const CIRCUIT_OPEN = "DATABASE_CIRCUIT_OPEN";

/**
 * Thrown at once, with nothing tried, while the circuit breaker is open. Prisma's client passes it on as an error of its
 * own with this `code`; ask classifyFailure, not `instanceof`.
 */
export class CircuitOpenError extends Error {
  readonly code = CIRCUIT_OPEN;

  constructor() {
    super("the database could not be reached lately; not tried again before the breaker's next trial");
    this.name = "CircuitOpenError";
  }
}
