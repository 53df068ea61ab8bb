import { type Config, loadConfig } from "../../app/config/config.ts";
import { databasePool } from "../../app/database/prisma.ts";
import type { AppDatabase } from "./app-database.ts";

/** The configuration of an application that uses `database`, with what else its environment says. */
export function configOf(database: AppDatabase, environment: Record<string, string> = {}): Config {
  const loaded = loadConfig(
    {
      DATABASE_URL: database.urls.database,
      MONITOR_URL: database.urls.monitor,
      CONSOLE_URL: database.urls.console,
      HEALTH_TOKEN: "x".repeat(43),
      API_TOKEN: "y".repeat(43),
      USE_ENHANCED_POOLING: "true",
      ...environment,
    },
    () => undefined,
  );
  if (!loaded.ok) throw new Error(loaded.problems.join());
  return loaded.config;
}

/** Points the database layer of this process at `database`, as app/server.ts does at its start. */
export function useDatabase(database: AppDatabase, environment: Record<string, string> = {}): Promise<void> {
  return databasePool.use(configOf(database, environment).database);
}
