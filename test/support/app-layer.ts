import { loadConfig } from "../../app/lib/config.ts";
import { databasePool } from "../../app/lib/prisma.ts";
import type { AppDatabase } from "./app-database.ts";

/** Points the database layer of this process at `database`, as app/server.ts does at its start. */
export function useDatabase(database: AppDatabase, environment: Record<string, string> = {}): Promise<void> {
  const loaded = loadConfig(
    {
      DATABASE_URL: database.urls.database,
      HEALTH_TOKEN: "x".repeat(32),
      API_TOKEN: "y".repeat(32),
      USE_ENHANCED_POOLING: "true",
      ...environment,
    },
    () => undefined,
  );
  if (!loaded.ok) throw new Error(loaded.problems.join());
  return databasePool.use(loaded.config.database);
}
