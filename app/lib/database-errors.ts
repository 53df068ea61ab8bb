/** What an error of the database layer means to the one who sent a request. */
export type DatabaseErrorKind = "unavailable" | "conflict" | "missing_reference" | "not_found" | "unknown";

/** Prisma's codes (P1001 … P2039, facts: they changed in version 7) by what they mean here. */
const BY_CODE: Readonly<Record<string, DatabaseErrorKind>> = {
  P1001: "unavailable",
  P1002: "unavailable",
  P1008: "unavailable",
  P1017: "unavailable",
  P2002: "conflict",
  P2003: "missing_reference",
  P2025: "not_found",
  P2028: "unavailable",
  P2034: "unavailable",
  P2037: "unavailable",
  P2039: "unavailable",
  EAI_AGAIN: "unavailable",
  ECONNREFUSED: "unavailable",
  EHOSTUNREACH: "unavailable",
  EPIPE: "unavailable",
};

/** Errors of node-postgres that carry no code. */
const UNAVAILABLE_TEXT =
  /timeout exceeded when trying to connect|Connection terminated|is not queryable|Query read timeout|Cannot use a pool after calling end|pool was closed before/;

/** Says what `error` means; "unknown" for everything that is not the database's doing. */
export function databaseErrorKind(error: unknown): DatabaseErrorKind {
  if (typeof error !== "object" || error === null) return "unknown";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  const message = "message" in error && typeof error.message === "string" ? error.message : "";
  return UNAVAILABLE_TEXT.test(message) ? "unavailable" : "unknown";
}
