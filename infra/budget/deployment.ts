import { type RestartOnlyLimits, restartOnlyLimits } from "../presets.ts";

/**
 * Everyone who connects, besides the application's pools: what the kit's own parts open at most at the same moment.
 * Integration tests compare the numbers with the running parts.
 */
export interface Deployment {
  /**
   * Per copy of the reference application, through PgBouncer: the health probes (path, sessions), each twice because the
   * former one may still be closing, and the trial login of a live change.
   */
  readonly probeClients: number;
  /** Per copy of it, on PgBouncer's console: the health probe, and the former one that is closing. */
  readonly probeConsoles: number;
  /** Per copy of it, past PgBouncer: the health probe, and the former one that is closing. */
  readonly probeConnections: number;
  /** The deployer on PgBouncer's console: reading the settings back. */
  readonly deployConsoles: number;
  /** `poolkit budget --observe`, on the console and past PgBouncer. */
  readonly observeConnections: number;
  /** A container's own health check (pg_isready), one at PgBouncer and one at Postgres. */
  readonly containerChecks: number;
  /** `maxConnections` of the postgresql provider: that many for each of the two databases it works in. */
  readonly providerConnections: number;
  readonly providerDatabases: number;
  /** The deployer past PgBouncer besides the provider: gate or role settings (one after the other), and PostgresConfig. */
  readonly deployConnections: number;
  /** Migrations: one session holds the lock, one runs the scripts. */
  readonly migrationConnections: number;
  /** The monitoring role past PgBouncer besides probes and observer: `poolkit doctor` and `poolkit inspect`. */
  readonly toolConnections: number;
  /** CONNECTION LIMIT of the exporter's role: one that it keeps, one per scrape, and the former one that is closing. */
  readonly exporterRoleLimit: number;
  /** The exporter on PgBouncer's console: one per scrape, and the former one that is closing. */
  readonly exporterConsoles: number;
  /** What Postgres and the containers are started with. */
  readonly limits: RestartOnlyLimits;
}

/** What this kit deploys. Its one application container is replaced by deleting it first. */
export const kitDeployment: Deployment = Object.freeze({
  probeClients: 5,
  probeConsoles: 2,
  probeConnections: 2,
  deployConsoles: 1,
  observeConnections: 1,
  containerChecks: 1,
  providerConnections: 4,
  providerDatabases: 2,
  deployConnections: 2,
  migrationConnections: 2,
  toolConnections: 2,
  exporterRoleLimit: 3,
  exporterConsoles: 2,
  limits: restartOnlyLimits,
});

/**
 * Time limits of health in seconds, none of them a setting; test/contract holds them equal with app/: one probe, the
 * endpoint's answer, the container's health check, and the engine's limit for that.
 */
export const healthSeconds = Object.freeze({ probe: 1.2, answer: 2, containerCheck: 2, containerLimit: 3 });
