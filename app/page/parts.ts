import type { HealthBody } from "../health/health-body.ts";
import { figuresOf, seenPgBouncer, type Usage } from "./figures.ts";
import { type Content, type Html, html } from "./html.ts";
import type { Point } from "./live.ts";
import { table } from "./table.ts";

/** A piece of the page that is brought up to date as a whole. */
type Part = (body: HealthBody, points: readonly Point[]) => Html;

const NOT_SEEN = "–";
const shown = (value: number | null | undefined, unit = "") =>
  value === null || value === undefined ? NOT_SEEN : `${value}${unit}`;
const tenth = (value: number) => Math.round(value * 10) / 10;

const WORDS = { pass: "Pass", warn: "Warning", fail: "Failing" } as const;

/** What stands in the window's title. */
export function titleOf({ status, cause, configuration }: HealthBody): string {
  const verdict = cause === null ? WORDS[status] : `${WORDS[status]}: ${cause}`;
  return `${verdict} · database of ${configuration.stack}`;
}

/** Read out when it changes, so nothing in it counts seconds. */
const headline: Part = ({ status, cause }) =>
  cause === null
    ? html`<strong>${WORDS[status]}</strong>: the database is usable.`
    : html`<strong>${WORDS[status]}</strong>: <code>${cause}</code>`;

const detail: Part = ({ output, advice, configuration }) => html`
${output === undefined ? null : html`<p>${output}</p>`}
${advice === undefined ? null : html`<p><b>What to do:</b> ${advice}</p>`}
${configuration.lastError === null ? null : html`<p><b>Refused configuration:</b> ${configuration.lastError}</p>`}`;

/** From this share of the limit on the browser shows the bar in its colour of warning. */
const HIGH_SHARE = 0.8;

function bar(id: string, label: string, { used, limit, reason }: Usage): Html {
  if (used === null || limit === null || limit === 0) {
    return html`<div class="bar"><span>${label}</span> <span class="value">${shown(used)}</span><p>${reason}</p></div>`;
  }
  const text = `${used} of ${limit}`;
  return html`<div class="bar"><label for="${id}">${label}</label> <span class="value">${text}</span>
<meter id="${id}" min="0" max="${limit}" high="${limit * HIGH_SHARE}" optimum="0" value="${used}">${text}</meter></div>`;
}

const bars: Part = (body) => {
  const { application, pgbouncer, clients, postgres } = figuresOf(body);
  return html`
${bar("bar-application", `Application pool (${body.pool.application.mode} mode)`, application)}
${bar("bar-pgbouncer", "PgBouncer to Postgres", pgbouncer)}
${bar("bar-postgres", "Postgres, all clients", postgres)}
${bar("bar-clients", "Clients of PgBouncer", clients)}`;
};

const fact = (name: string, value: Content) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

const numbers: Part = (body, points) => {
  const { waiting, longestWaitSeconds } = figuresOf(body);
  const latest = points.at(-1);
  return html`
${fact("Waiting in the application", waiting.application)}
${fact("Waiting in PgBouncer", shown(waiting.pgbouncer))}
${fact("Longest wait", `${tenth(longestWaitSeconds)} s`)}
${fact("Queries a second", shown(latest?.queriesPerSecond))}
${fact("Mean time of a query", shown(latest?.queryMs, " ms"))}
${fact("One query through PgBouncer", shown(body.connection.latencyMs, " ms"))}
${fact("One query directly", shown(body.connection.directLatencyMs, " ms"))}
${fact("Requests under way", body.metrics.requests.underWay)}`;
};

const numeric = (name: string) => ({ name, numeric: true }) as const;

const pools: Part = ({ pool }) => {
  const seen = seenPgBouncer(pool.pgbouncer);
  if (seen === null) return html`<p>Not seen: ${"reason" in pool.pgbouncer ? pool.pgbouncer.reason : ""}</p>`;
  return table(
    "PgBouncer's pools",
    [
      { name: "database / user" },
      numeric("clients active"),
      numeric("clients waiting"),
      numeric("longest wait (s)"),
      numeric("servers active"),
      numeric("servers idle"),
      numeric("pool size"),
      numeric("reserve"),
      { name: "state" },
    ],
    seen.pools.map((row) => [
      `${row.database} / ${row.user}`,
      row.cl_active,
      row.cl_waiting,
      tenth(row.maxwaitSeconds),
      row.sv_active,
      row.sv_idle + row.sv_used,
      shown(row.poolSize),
      shown(row.reservePoolSize),
      row.paused ? "paused" : "open",
    ]),
  );
};

interface HeldSession {
  readonly pid: number;
  readonly user: string;
  readonly applicationName: string;
}
const sessionRow = (
  { pid, applicationName, user }: HeldSession,
  what: string,
  seconds: number,
  blockers = "",
) => [pid, what, applicationName, user, tenth(seconds), blockers] satisfies Content[];

const holders: Part = ({ holders: { lockWaits, idleInTransaction, slowQueries, leaks } }) => {
  const rows = [
    ...lockWaits.oldest.map((session) => {
      const blockers = session.blockedBy.map(({ pid }) => pid).join(", ");
      return sessionRow(session, "waits for a lock", session.waitedSeconds, blockers);
    }),
    ...idleInTransaction.oldest.map((session) => sessionRow(session, "idle in transaction", session.seconds)),
    ...slowQueries.oldest.map((session) => sessionRow(session, "long statement", session.seconds)),
  ];
  const leaked =
    leaks === null ? null : html`<p>${leaks.count} connection(s) kept by ${leaks.oldestCaller}</p>`;
  if (rows.length === 0) return leaked ?? html`<p>Nobody holds a connection for a second or longer.</p>`;
  const columns = [
    { name: "pid" },
    { name: "what" },
    { name: "application_name" },
    { name: "user" },
    numeric("seconds"),
    { name: "blocked by pid" },
  ];
  return html`${leaked}${table("Sessions that hold or wait", columns, rows)}`;
};

const settings: Part = ({ configuration: { values, revision, warnings } }) => html`
${table(
  `Effective settings${revision === null ? "" : `, revision ${revision.slice(0, 12)}`}`,
  [{ name: "setting" }, numeric("value"), { name: "unit" }, { name: "source" }],
  Object.entries(values).map(([name, { value, unit, source }]) => [name, String(value), unit, source]),
)}
${warnings.map((warning) => html`<p>${warning}</p>`)}`;

const SECONDS_A_ROW = 60;

/** The lines as numbers, one a minute: for those who cannot see them, or run no script. */
const history: Part = (_body, points) => {
  const perMinute = points.filter(
    ({ at }, index) =>
      index === points.length - 1 ||
      Math.floor(at / SECONDS_A_ROW) !== Math.floor((points[index + 1]?.at ?? 0) / SECONDS_A_ROW),
  );
  return table(
    "The last 15 minutes, the newest first",
    [
      { name: "time (UTC)" },
      numeric("application"),
      numeric("PgBouncer"),
      numeric("Postgres"),
      numeric("waiting"),
      numeric("queries/s"),
      numeric("mean query (ms)"),
    ],
    perMinute
      .toReversed()
      .map((point) => [
        new Date(point.at * 1000).toISOString().slice(11, 19),
        shown(point.application),
        shown(point.pgbouncer),
        shown(point.postgres),
        shown(point.waiting),
        shown(point.queriesPerSecond),
        shown(point.queryMs),
      ]),
  );
};

/** By the name that the element in the page has in `data-live`. */
const PARTS = { headline, detail, bars, numbers, pools, holders, settings, history } satisfies Record<
  string,
  Part
>;

export type PartName = keyof typeof PARTS;

/** Every part as it is now. */
export function partsOf(body: HealthBody, points: readonly Point[]): Record<PartName, Html> {
  const made = Object.entries(PARTS).map(([name, part]) => [name, part(body, points)]);
  return Object.fromEntries(made) as Record<PartName, Html>;
}
