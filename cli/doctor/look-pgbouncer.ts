import { withSession } from "./session.ts";

/** One row of SHOW POOLS, in its own column names. */
export type PoolRow = {
  readonly database: string;
  readonly user: string;
  readonly cl_active: number;
  readonly cl_waiting: number;
  readonly sv_active: number;
  readonly sv_idle: number;
  readonly sv_used: number;
  readonly sv_login: number;
  readonly maxwait: number;
  readonly maxwait_us: number;
};

/** One row of SHOW DATABASES. */
export type DatabaseRow = {
  readonly name: string;
  readonly pool_size: number;
  readonly reserve_pool_size: number;
  readonly max_connections: number;
  readonly current_connections: number;
  readonly paused: number;
  readonly disabled: number;
};

/** One row of SHOW USERS. Sizes are empty where the role has none of its own. */
export type UserRow = {
  readonly name: string;
  readonly pool_size: string;
  readonly reserve_pool_size: string;
  readonly max_user_connections: number;
  readonly current_connections: number;
};

/** One row of SHOW DNS_HOSTS: a name that PgBouncer has looked up. */
export type HostRow = {
  readonly hostname: string;
  /** Comma-separated `address:port`, whose port says nothing (0); empty where the name is unknown. */
  readonly addrs: string;
};

/** What PgBouncer's console says. */
export interface PgBouncerSeen {
  readonly version: string;
  /** Rows of SHOW STATE: active, paused, suspended → yes or no. */
  readonly state: Readonly<Record<string, string>>;
  /** Without the console's own pool. */
  readonly pools: readonly PoolRow[];
  readonly databases: readonly DatabaseRow[];
  readonly users: readonly UserRow[];
  readonly hosts: readonly HostRow[];
  /** SHOW LISTS: used_clients, used_servers, … */
  readonly lists: Readonly<Record<string, number>>;
  /** SHOW CONFIG: key → value and PgBouncer's own default. */
  readonly config: ReadonlyMap<string, { readonly value: string; readonly default: string }>;
}

/** Never SHOW FDS (it stops PgBouncer's event loop) and no SHOW CLIENTS, whose cost grows with the clients. */
export async function lookAtPgBouncer(consoleUrl: string, signal: AbortSignal): Promise<PgBouncerSeen> {
  return withSession(consoleUrl, signal, async (ask) => {
    const [version] = await ask<{ version: string }>("SHOW VERSION");
    const state = await ask<{ key: string; value: string }>("SHOW STATE");
    const lists = await ask<{ list: string; items: number }>("SHOW LISTS");
    const config = await ask<{ key: string; value: string | null; default: string | null }>("SHOW CONFIG");
    return {
      version: version?.version.replace(/^PgBouncer /, "") ?? "",
      state: Object.fromEntries(state.map(({ key, value }) => [key, value])),
      pools: (await ask<PoolRow>("SHOW POOLS")).filter(({ database }) => database !== "pgbouncer"),
      databases: (await ask<DatabaseRow>("SHOW DATABASES")).filter(({ name }) => name !== "pgbouncer"),
      users: await ask<UserRow>("SHOW USERS"),
      hosts: await ask<HostRow>("SHOW DNS_HOSTS"),
      lists: Object.fromEntries(lists.map(({ list, items }) => [list, items])),
      config: new Map(config.map((row) => [row.key, { value: row.value ?? "", default: row.default ?? "" }])),
    };
  });
}
