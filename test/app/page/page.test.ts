import { describe, expect, it } from "vitest";
import { healthBody, layersOf } from "../../../app/health/health-body.ts";
import type { Observation } from "../../../app/health/health-observation.ts";
import type { PgBouncerTotals } from "../../../app/health/health-probes.ts";
import { databasePage, lookMessage } from "../../../app/page/database-page.ts";
import { figuresOf } from "../../../app/page/figures.ts";
import { History, pointOf, type Sample } from "../../../app/page/history.ts";
import { HISTORY_SECONDS } from "../../../app/page/live.ts";
import {
  activity,
  application,
  context,
  failed,
  healthy,
  pgbouncer,
  pool,
  postgres,
  seen,
  TIME,
} from "../../support/observation.ts";

const HOSTILE = `</td><script>alert(1)</script><img src=x onerror=alert(2)>"'&`;

describe("figures", () => {
  it("are used and limit of each layer", () => {
    const pools = [
      { ...pool, sv_active: 3, cl_waiting: 4, maxwaitSeconds: 1.5 },
      { ...pool, user: "other", sv_active: 1, poolSize: null, reservePoolSize: null },
    ];
    const counts = { totalCount: 9, idleCount: 2, waitingCount: 6 };
    const layers = layersOf({
      ...healthy,
      pool: { ...application, counts, longestWaitMs: 700 },
      pgbouncer: seen({ ...pgbouncer, pools }),
    });
    expect(figuresOf(layers)).toEqual({
      application: { used: 7, limit: 10, reason: null },
      pgbouncer: { used: 4, limit: 7, reason: null },
      clients: { used: 8, limit: 50, reason: null },
      postgres: { used: 3, limit: 60, reason: null },
      waiting: { application: 6, pgbouncer: 4 },
      longestWaitSeconds: 1.5,
    });
  });

  it("take what runs beyond the limit as waiting in standard mode, which has no counters", () => {
    const standard = { ...application, mode: "standard", counts: null, running: 13 } as const;
    const figures = figuresOf(layersOf({ ...healthy, pool: standard }));
    expect([figures.application.used, figures.waiting.application]).toEqual([10, 3]);
  });

  it("say why where nobody could look", () => {
    const figures = figuresOf(layersOf({ ...healthy, pgbouncer: null, postgres: failed("login") }));
    expect(figures.pgbouncer).toEqual({ used: null, limit: null, reason: "CONSOLE_URL is not set" });
    expect(figures.postgres).toEqual({ used: null, limit: null, reason: "probe failed: login" });
    expect(figures.waiting.pgbouncer).toBe(null);
  });
});

describe("history", () => {
  const sample = (seconds: number, counted: Omit<PgBouncerTotals, "at"> | null, ageMs = 0): Sample => {
    const at = seconds * 1000;
    const report = counted && seen({ ...pgbouncer, totals: { ...counted, at: at - ageMs } });
    return { at, layers: layersOf({ ...healthy, pgbouncer: report }) };
  };

  it("has the rates since the point before", () => {
    const before = sample(100, { queries: 1000, querySeconds: 2 });
    const point = pointOf(before, sample(105, { queries: 1500, querySeconds: 2.75 }));
    expect(point).toMatchObject({ at: 105, queriesPerSecond: 100, queryMs: 1.5, postgres: 3 });
  });

  it("has rates by the moments at which PgBouncer counted, not those of the points", () => {
    const before = sample(100, { queries: 1000, querySeconds: 2 }, 500);
    const now = sample(105, { queries: 1550, querySeconds: 2 });
    expect(pointOf(before, now)).toMatchObject({ queriesPerSecond: 100 });
  });

  it("has no rate without a point before, without queries no mean, and none over a restart of PgBouncer", () => {
    const now = sample(105, { queries: 10, querySeconds: 1 });
    expect(pointOf(null, now)).toMatchObject({ queriesPerSecond: null, queryMs: null });
    expect(pointOf(sample(100, null), now)).toMatchObject({ queriesPerSecond: null, queryMs: null });
    const same = sample(100, { queries: 10, querySeconds: 1 });
    expect(pointOf(same, now)).toMatchObject({ queriesPerSecond: 0, queryMs: null });
    const more = sample(100, { queries: 11, querySeconds: 1 });
    expect(pointOf(more, now)).toMatchObject({ queriesPerSecond: null, queryMs: null });
  });

  it("keeps the last 15 minutes and no more", () => {
    const history = new History(async () => sample(0, null).layers);
    for (let seconds = 0; seconds <= HISTORY_SECONDS * 2; seconds += 5) history.add(sample(seconds, null));
    expect(history.points.length).toBe(HISTORY_SECONDS / 5);
    expect(history.points.at(-1)?.at).toBe(HISTORY_SECONDS * 2);
  });

  it("goes on from a clock that was set back, without the points that lie ahead of it", () => {
    const history = new History(async () => sample(0, null).layers);
    for (const seconds of [100, 105, 110, 104, 109]) history.add(sample(seconds, null));
    expect(history.points.map(({ at }) => at)).toEqual([100, 104, 109]);
  });
});

describe("the page", () => {
  const page = (seenNow: Observation) => databasePage(healthBody(seenNow, context), [], TIME);

  it("shows verdict, figures, pools and settings without any script", () => {
    const text = page(healthy);
    expect(text).toContain("<title>Pass · database of dev</title>");
    expect(text).toContain('max="10"');
    expect(text).toContain("poolkit / poolkit_app");
    expect(text).toContain("DATABASE_CONNECTION_LIMIT");
    expect(text).toContain(TIME);
  });

  it("counts servers as idle that PgBouncer would check before use", () => {
    const rested = { ...pool, sv_idle: 1, sv_used: 4, poolSize: 7 };
    expect(page({ ...healthy, pgbouncer: seen({ ...pgbouncer, pools: [rested] }) })).toContain(
      '<td class="number">0</td><td class="number">5</td><td class="number">7</td>',
    );
  });

  it("shows the cause, the holder and the advice", () => {
    const idle = { pid: 77, user: "app", applicationName: "psql", state: "idle in transaction", seconds: 9 };
    const text = page({
      ...healthy,
      postgres: seen({ ...postgres, activity: { ...activity, idleInTransaction: [idle] } }),
    });
    expect(text).toContain("<code>idle_in_transaction</code>");
    expect(text).toContain("the longest pid 77 (psql, app) for 9 s");
    expect(text).toContain("Let the named session commit or roll back");
    expect(text).toContain('<th scope="row" class="text">77</th><td class="text">idle in transaction</td>');
  });

  it("lets nothing that clients name themselves become markup", () => {
    const session = { pid: 1, user: HOSTILE, applicationName: HOSTILE, state: HOSTILE, seconds: 9 };
    const hostile: Observation = {
      ...healthy,
      configurationError: HOSTILE,
      applicationUser: HOSTILE,
      pgbouncer: seen({ ...pgbouncer, pools: [{ ...pool, database: HOSTILE, user: HOSTILE }] }),
      postgres: seen({
        ...postgres,
        activity: {
          byState: { [HOSTILE]: 1 },
          lockWaits: [{ ...session, waitedSeconds: 9, blockedBy: [session] }],
          idleInTransaction: [session],
          active: [session],
        },
      }),
      leaks: { count: 5, oldestSeconds: 9, oldestCaller: HOSTILE },
    };
    const texts = [
      page(hostile),
      ...Object.values(lookMessage(healthBody(hostile, context), [], TIME).parts),
    ];
    expect(texts.join("").match(/&lt;script&gt;/g)?.length).toBeGreaterThan(10);
    for (const text of texts) expect(text).not.toMatch(/<img|<script>/);
  });

  it("has no inline script, style or event handler, and nothing from elsewhere", () => {
    const text = page(healthy);
    expect(text.match(/<script[^>]*>/g)).toEqual([
      expect.stringContaining(' src="/admin/database/assets/page.'),
    ]);
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|https?:/);
  });
});
