import { withSession } from "./session.ts";

/** One session of somebody else, without the text of its query. */
export type SessionRow = {
  readonly pid: number;
  readonly usename: string | null;
  readonly application_name: string;
  readonly state: string | null;
  /** Seconds since its state changed; of a running statement: since it began. */
  readonly state_seconds: number | null;
  readonly wait_event_type: string | null;
  /** Sessions whose locks it waits for. */
  readonly blocked_by: readonly number[];
};

/** A setting that does not say what the configuration file says. */
export type StraySetting = {
  readonly name: string;
  readonly reason: "pending_restart" | "ALTER SYSTEM";
};

/** What Postgres says on a direct connection of the monitoring role. */
export interface PostgresSeen {
  readonly version: string;
  /** How far its clock is ahead of ours, in seconds. */
  readonly clockAheadSeconds: number;
  readonly maxConnections: number;
  /** Slots that an ordinary role never gets. */
  readonly reservedConnections: number;
  readonly sessions: readonly SessionRow[];
  /** Of the application's role in the application's database: what its sessions begin with. */
  readonly roleSettings: Readonly<Record<string, string>>;
  /** Names of those that the role has in every database (`ALTER ROLE … SET` without IN DATABASE). */
  readonly roleWideSettings: readonly string[];
  readonly role: {
    readonly canLogin: boolean;
    readonly connectionLimit: number;
    /** Its password has a VALID UNTIL in the past. */
    readonly isExpired: boolean;
  } | null;
  readonly straySettings: readonly StraySetting[];
  /** What `ALTER DATABASE … SET` has set in the application's database, for every role. */
  readonly databaseSettings: { readonly database: string; readonly names: readonly string[] };
}

const serverQuery = `
  SELECT current_setting('server_version') AS version,
    extract(epoch FROM clock_timestamp())::float8 AS epoch,
    current_setting('max_connections')::int AS max,
    current_setting('superuser_reserved_connections')::int + current_setting('reserved_connections')::int AS reserved`;

const sessionsQuery = `
  SELECT pid, usename, application_name, state, wait_event_type,
    greatest(extract(epoch FROM clock_timestamp() - CASE WHEN state = 'active' THEN query_start ELSE state_change END), 0)::float8
      AS state_seconds,
    CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{}' END AS blocked_by
  FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid`;

const strayQuery = `
  SELECT name, CASE WHEN pending_restart THEN 'pending_restart' ELSE 'ALTER SYSTEM' END AS reason
  FROM pg_settings WHERE pending_restart OR sourcefile LIKE '%/postgresql.auto.conf' ORDER BY name`;

const databaseQuery = `
  SELECT quote_ident(current_database()) AS database, split_part(setting, '=', 1) AS name
  FROM pg_db_role_setting, unnest(setconfig) AS setting
  WHERE setrole = 0 AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY name`;

const roleQuery = `
  SELECT rolcanlogin AS can, rolconnlimit AS connection_limit,
    coalesce(rolvaliduntil < now(), false) AS expired,
    (SELECT json_agg(json_build_array(setting, setdatabase = 0) ORDER BY setdatabase) FROM pg_db_role_setting, unnest(setconfig) AS setting
      WHERE setrole = pg_roles.oid AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
      AS settings
  FROM pg_roles WHERE rolname = `;

/** The server ends a statement of ours itself when it takes this long; 2 s is below the limit of the look. */
const statementTimeout = "SET statement_timeout = '2s'; SET lock_timeout = '1s'";

export async function lookAtPostgres(
  monitorUrl: string,
  appRole: string,
  signal: AbortSignal,
): Promise<PostgresSeen> {
  return withSession(monitorUrl, signal, async (ask) => {
    await ask(statementTimeout);
    const before = Date.now();
    const [server] = await ask<{ version: string; epoch: number; max: number; reserved: number }>(
      serverQuery,
    );
    const middle = (before + Date.now()) / 2;
    if (server === undefined) throw new Error("Postgres answered without a row");
    const [role] = await ask<{
      can: boolean;
      connection_limit: number;
      expired: boolean;
      settings: [setting: string, isWide: boolean][] | null;
    }>(`${roleQuery}'${appRole}'`);
    const ofDatabase = await ask<{ database: string; name: string }>(databaseQuery);
    const settings = (role?.settings ?? []).map(([text, isWide]) => ({ ...nameAndValue(text), isWide }));
    return {
      version: server.version.split(" ")[0] ?? "",
      clockAheadSeconds: server.epoch - middle / 1000,
      maxConnections: server.max,
      reservedConnections: server.reserved,
      sessions: await ask<SessionRow>(sessionsQuery),
      // Those of the database come last and win, as in Postgres.
      roleSettings: Object.fromEntries(settings.map(({ name, value }) => [name, value])),
      roleWideSettings: settings.filter(({ isWide }) => isWide).map(({ name }) => name),
      role:
        role === undefined
          ? null
          : { canLogin: role.can, connectionLimit: role.connection_limit, isExpired: role.expired },
      straySettings: await ask<StraySetting>(strayQuery),
      databaseSettings: {
        database: ofDatabase[0]?.database ?? "",
        names: ofDatabase.map(({ name }) => name),
      },
    };
  });
}

function nameAndValue(setting: string): { readonly name: string; readonly value: string } {
  const equals = setting.indexOf("=");
  return { name: setting.slice(0, equals), value: setting.slice(equals + 1) };
}
