/** What an open page gets by server-sent events. The server and the browser's script share this file; it imports nothing. */

/** The columns of a line of `Point`, in this order. Null = not seen at that moment. */
export const COLUMNS = [
  /** Seconds since 1970. */
  "at",
  /** Connections in use: of the application's pool, of PgBouncer to Postgres, of Postgres. */
  "application",
  "pgbouncer",
  "postgres",
  /** Work that waits for a connection, in the application and in PgBouncer. */
  "waiting",
  /** Queries through PgBouncer a second, and the mean time of one in milliseconds, since the point before. */
  "queriesPerSecond",
  "queryMs",
] as const;

export type Column = (typeof COLUMNS)[number];
export type Point = { readonly [Name in Exclude<Column, "at">]: number | null } & { readonly at: number };

/** Event `history`: the points of the last 15 minutes, sent first on every connection. */
export type HistoryMessage = readonly Point[];

/** Event `look`: the page as it is now. */
export interface LookMessage {
  readonly title: string;
  /** ISO 8601. */
  readonly time: string;
  readonly status: string;
  /** HTML by the name that stands in `data-live` of the element that holds it. */
  readonly parts: Readonly<Record<string, string>>;
  /** The newest point; null before the first. */
  readonly point: Point | null;
}

/** For so long the lines go back, in seconds. */
export const HISTORY_SECONDS = 15 * 60;

/**
 * `points` and the one that comes behind them. A clock that was set back has left points ahead of it: they go, because a
 * line cannot run back.
 */
export function withPoint(points: readonly Point[], point: Point): Point[] {
  return [...points.filter(({ at }) => at < point.at && at > point.at - HISTORY_SECONDS), point];
}
