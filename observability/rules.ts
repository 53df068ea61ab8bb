/** What the thresholds follow from: what PgBouncer and the application are really given, overrides included. */
export interface Sizes {
  readonly pools: readonly PoolSizes[];
  /** Whether the application shows metrics (the reference application does). */
  readonly hasApplicationMetrics: boolean;
}

/** One pool of PgBouncer: a database entry and a role. */
export interface PoolSizes {
  readonly database: string;
  readonly user: string;
  /** Its `pool_size`; 0 = no limit. */
  readonly poolSize: number;
  /** Its `query_wait_timeout` in seconds; 0 = a client waits without end. */
  readonly queryWaitTimeoutSeconds: number;
  /** DATABASE_POOL_TIMEOUT in seconds: what ends a wait that PgBouncer does not end. 0 = nothing does. */
  readonly poolTimeoutSeconds: number;
}

/** An alert as Prometheus reads it. Times in Prometheus' own notation. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  /** How long it must hold before it fires. */
  readonly for: string;
  readonly labels: {
    readonly severity: "warning" | "critical";
    /** That of the series, too: it tells the rules of one name apart. */
    readonly database?: string;
  };
  /** What is the case with its numbers, and what to do. */
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** Names of the jobs in prometheus.yml. */
export const jobs = Object.freeze({ app: "app", pgbouncer: "pgbouncer", postgres: "postgres" });

/** Share of `max_connections` above which Postgres is called nearly full: enough is left for the deployer. */
const connectionsShare = 0.8;
/** Share of a pool whose server connections work above which it is called full. */
const poolShare = 0.9;
/** The sizes are this stack's: another Postgres that Prometheus is told to ask must not count. */
const postgres = `job="${jobs.postgres}"`;
/** Of all its series; the dashboard shows the alerts of one stack. */
const perStack = (metric: string) => `sum by (stack) (${metric}{${postgres}})`;

/**
 * A public certificate of 90 days is renewed by its client with 30 days left: with fewer, that has failed or is about to
 * be done.
 */
const certificateWarningDays = 30;
/** Enough to renew by hand, with a weekend in between. */
const certificateCriticalDays = 7;
/** A daily backup, and two hours for it to run. */
const backupAgeHours = 26;

/** Every alert of a stack. */
export function alertRules(sizes: Sizes): AlertRule[] {
  return [
    ...sizes.pools.flatMap(poolRules),
    connectionsRule(),
    ...reachRules(),
    ...certificateRules(),
    ...backupRules(),
    ...(sizes.hasApplicationMetrics ? applicationRules() : []),
  ];
}

/** Each pool against its own size and timeout: another entry's may be much smaller or more patient. */
function poolRules(sizes: PoolSizes): AlertRule[] {
  return [waitingRule(sizes), ...fullRules(sizes), ...timeoutRules(sizes)];
}

function seriesOf({ database, user }: PoolSizes): string {
  return `job="${jobs.pgbouncer}",database="${database}",user="${user}"`;
}

/**
 * One client is enough: how many can wait at most is what the clients' own pools have beyond this one, a handful or none.
 * A queue after a burst is empty again at one of the looks; one that never is has too few connections behind it, whatever
 * the sizes.
 */
function waitingRule(sizes: PoolSizes): AlertRule {
  return {
    alert: "PgBouncerClientsWaiting",
    expr: `pgbouncer_pools_client_waiting_connections{${seriesOf(sizes)}} > 0`,
    for: "5m",
    labels: { severity: "warning", database: sizes.database },
    annotations: {
      summary: "Clients wait in PgBouncer all the time",
      description:
        "{{ $value }} clients of {{ $labels.database }}/{{ $labels.user }} wait, and no look of the last minutes found none: work arrives as fast as the pool can do it, or faster. Look for slow queries and locks (poolkit doctor) before raising poolSize.",
    },
  };
}

/** A pool without a limit is never full. */
function fullRules(sizes: PoolSizes): AlertRule[] {
  const { database, poolSize } = sizes;
  if (poolSize === 0) return [];
  return [
    {
      alert: "PgBouncerPoolSaturated",
      expr: `pgbouncer_pools_server_active_connections{${seriesOf(sizes)}} / ${poolSize} > ${poolShare}`,
      for: "5m",
      labels: { severity: "warning", database },
      annotations: {
        summary: "Nearly all connections of PgBouncer's pool work all the time",
        description: `{{ $value | humanizePercentage }} of the ${poolSize} connections of {{ $labels.database }}/{{ $labels.user }} work. poolkit budget --observe says whether the pool is too small.`,
      },
    },
  ];
}

/**
 * Where nothing ends a wait, none is near its end. The exporter shows whole seconds, rounded down: half of 5 is seen as 3,
 * and half of a single one not at all. Those that are cut off begin anew, so that what is seen rises and falls while
 * nothing moves: the longest of two scrapes counts.
 */
function timeoutRules(sizes: PoolSizes): AlertRule[] {
  const { database, queryWaitTimeoutSeconds, poolTimeoutSeconds } = sizes;
  const [timeout, name] =
    queryWaitTimeoutSeconds === 0
      ? [poolTimeoutSeconds, "DATABASE_POOL_TIMEOUT"]
      : [queryWaitTimeoutSeconds, "query_wait_timeout"];
  if (timeout < 2) return [];
  return [
    {
      alert: "PgBouncerWaitNearTimeout",
      expr: `max_over_time(pgbouncer_pools_client_maxwait_seconds{${seriesOf(sizes)}}[30s]) >= ${Math.ceil(timeout / 2)}`,
      for: "30s",
      labels: { severity: "critical", database },
      annotations: {
        summary: "Clients wait in PgBouncer for half of their timeout or longer",
        description: `The longest wait of {{ $labels.database }}/{{ $labels.user }} is {{ $value }} s; after ${timeout} s (${name}) requests fail. poolkit doctor names what holds the connections.`,
      },
    },
  ];
}

function connectionsRule(): AlertRule {
  return {
    alert: "PostgresConnectionsHigh",
    expr: `${perStack("pg_stat_activity_count")} / ${perStack("pg_settings_max_connections")} > ${connectionsShare}`,
    for: "1m",
    labels: { severity: "warning" },
    annotations: {
      summary: "Postgres is nearly full",
      description:
        "{{ $value | humanizePercentage }} of max_connections are taken. poolkit inspect queries shows by whom.",
    },
  };
}

function reachRules(): AlertRule[] {
  const down = (alert: string, expr: string, who: string): AlertRule => ({
    alert,
    expr,
    for: "30s",
    labels: { severity: "critical" },
    annotations: {
      summary: `${who} does not answer`,
      description: `The exporter cannot log in to ${who}. poolkit doctor says why.`,
    },
  });
  return [
    down("PgBouncerDown", `pgbouncer_up{job="${jobs.pgbouncer}"} == 0`, "PgBouncer"),
    down("PostgresDown", `pg_up{${postgres}} == 0`, "Postgres"),
    {
      alert: "TargetDown",
      expr: "up == 0",
      for: "1m",
      labels: { severity: "critical" },
      annotations: {
        summary: "{{ $labels.job }} gives no metrics",
        description:
          "Prometheus cannot scrape {{ $labels.instance }}: it is down, hangs, cannot be reached or refuses the request. What it would tell is unknown meanwhile.",
      },
    },
  ];
}

/**
 * Of blackbox_exporter, which the kit does not run: silent where `poolkit:scrape` names none. The job is named in place
 * of the instance, which is the exporter and not what it looks at.
 */
function certificateRules(): AlertRule[] {
  const expires = (alert: string, days: number, severity: "warning" | "critical"): AlertRule => ({
    alert,
    expr: `probe_ssl_earliest_cert_expiry - time() < ${days} * 86400`,
    for: "5m",
    labels: { severity },
    annotations: {
      summary: `A certificate is valid for less than ${days} days`,
      description:
        "The one that {{ $labels.job }} looks at has {{ $value | humanizeDuration }} left: renew it, and see why its renewal did not.",
    },
  });
  return [
    expires("CertificateExpiresSoon", certificateWarningDays, "warning"),
    expires("CertificateNearlyExpired", certificateCriticalDays, "critical"),
    {
      alert: "ProbeFailed",
      // A probe that verifies what it sees shows no date of an expired certificate: the alerts above fall silent then.
      expr: "probe_success == 0",
      for: "5m",
      labels: { severity: "critical" },
      annotations: {
        summary: "A probe fails",
        description:
          "What {{ $labels.job }} looks at does not answer as it should; a certificate that has expired shows here. The exporter's page of the probe says why (debug=true).",
      },
    },
  ];
}

/** Of pgbackrest_exporter, which the kit does not run: silent where `poolkit:scrape` names none. */
function backupRules(): AlertRule[] {
  return [
    {
      alert: "BackupOverdue",
      // One series per type of backup, and further labels by what the latest one was made with: the least of them is the
      // time since the latest of any kind. By what names the database alone: an alert must not begin anew with each backup.
      expr: `min by (stack, job, instance, stanza) (pgbackrest_backup_since_last_completion_seconds) > ${backupAgeHours} * 3600`,
      for: "15m",
      labels: { severity: "critical" },
      annotations: {
        summary: `The last backup is older than ${backupAgeHours} hours`,
        description:
          "The last backup of {{ $labels.stanza }} ended {{ $value | humanizeDuration }} ago. pgbackrest info and the log of its timer say what became of the next one.",
      },
    },
    {
      alert: "BackupMissing",
      // Without any backup, and when pgBackRest cannot be asked, there is no age that could be too great.
      expr: "pgbackrest_stanza_status != 0 or pgbackrest_exporter_status == 0",
      for: "15m",
      labels: { severity: "critical" },
      annotations: {
        summary: "pgBackRest shows no usable backup",
        description:
          "It calls {{ $labels.stanza }} not in order (no valid backup, a missing repository ...), or its exporter cannot ask it. pgbackrest info says which.",
      },
    },
  ];
}

function applicationRules(): AlertRule[] {
  return [
    {
      alert: "CircuitBreakerOpen",
      // Open at a scrape, or opened and closed again between two of them.
      expr: 'max without (state) (max_over_time(poolkit_circuit_state{state="open"}[1m])) > 0 or increase(poolkit_circuit_opened_total[1m]) > 0',
      for: "0s",
      labels: { severity: "critical" },
      annotations: {
        summary: "The application refuses work because the database does not answer",
        description:
          "Its circuit breaker has opened within the last minute; while it is open requests get 503 at once. poolkit health names the cause.",
      },
    },
    {
      alert: "ConnectionLeak",
      expr: "poolkit_pool_overdue_connections > 0",
      for: "0s",
      labels: { severity: "warning" },
      annotations: {
        summary: "The application does not give connections back",
        description:
          "{{ $value }} connections are kept longer than DATABASE_LEAK_THRESHOLD. The application's log and poolkit health name who took them.",
      },
    },
    {
      alert: "PoolTimeouts",
      expr: "increase(db_client_connection_timeouts_total[5m]) > 0",
      for: "0s",
      labels: { severity: "warning" },
      annotations: {
        summary: "Requests give up waiting for a connection of the application's pool",
        description:
          "{{ $value | humanize }} in 5 minutes waited longer than DATABASE_POOL_TIMEOUT. poolkit health says whether the pool is too small or kept.",
      },
    },
  ];
}
