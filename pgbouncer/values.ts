/**
 * When a change of a setting reaches the running PgBouncer: at once on RELOAD; for server connections made after it
 * (RECONNECT renews them as they are released); or only at a restart, which drops the clients.
 */
export type ChangeClass = "reload" | "reconnect" | "restart";

/** How PgBouncer reads a value. `seconds` may have decimals; `flag` is 0 or 1; `octal` is a file mode. */
export type ValueKind =
  | { readonly type: "integer"; readonly min: number; readonly max: number; readonly unit: string }
  | { readonly type: "seconds"; readonly max: number }
  | { readonly type: "flag" }
  | { readonly type: "choice"; readonly values: readonly string[] }
  | { readonly type: "text" }
  | { readonly type: "octal" };

/** One thing that is wrong with a configuration, in the words of the person who has to fix it. */
export interface Problem {
  /** Path of the setting as the person wrote it, e.g. `pgbouncer.default_pool_size`. */
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
  readonly fix: string;
}

/** What a value of this kind may be, for an error message. */
export function allowedText(kind: ValueKind): string {
  switch (kind.type) {
    case "integer":
      return `a whole number from ${kind.min} to ${kind.max}${kind.unit === "" ? "" : ` (${kind.unit})`}`;
    case "seconds":
      return `a number of seconds from 0 to ${kind.max}`;
    case "flag":
      return "0 or 1";
    case "choice":
      return kind.values.join(", ");
    case "octal":
      return "a file mode in octal, e.g. 0770";
    case "text":
      return "one line of text without control characters and without space at its ends";
  }
}

/** True for text that PgBouncer reads back exactly as it was written on one line of its configuration. */
export function isOneLine(text: string): boolean {
  return !/\p{Cc}/u.test(text) && text === text.trim() && text.isWellFormed();
}

/**
 * Whether PgBouncer would take the value as what it says. Leading zeros are refused because PgBouncer reads them as
 * octal (`010` = 8), signs and spaces because nobody means them.
 */
export function isAllowed(kind: ValueKind, value: string): boolean {
  switch (kind.type) {
    case "integer": {
      const number = Number(value);
      return /^(0|[1-9]\d*)$/.test(value) && number >= kind.min && number <= kind.max;
    }
    case "seconds":
      return /^(0|[1-9]\d*)(\.\d+)?$/.test(value) && Number(value) <= kind.max;
    case "flag":
      return value === "0" || value === "1";
    case "choice":
      return kind.values.includes(value);
    case "octal":
      return /^0[0-7]{3}$/.test(value);
    case "text":
      return isOneLine(value);
  }
}

/**
 * Whether a value that PgBouncer shows means the one that was written: it prints times with six digits (`1e+06`) and
 * file modes in decimal.
 */
export function sameValue(kind: ValueKind, written: string, shown: string): boolean {
  if (written === shown) return true;
  switch (kind.type) {
    case "integer":
    case "flag":
      return written !== "" && shown !== "" && Number(written) === Number(shown);
    case "seconds": {
      const [a, b] = [Number(written), Number(shown)];
      return written !== "" && shown !== "" && Math.abs(a - b) <= 1e-5 * Math.max(a, b);
    }
    case "octal":
      return Number.parseInt(written, 8) === Number(shown);
    case "choice":
    case "text":
      return false;
  }
}
