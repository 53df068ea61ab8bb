import { readFileSync } from "node:fs";
import { defineConfig } from "prisma/config";

/**
 * Configuration of Prisma's CLI only: the application never reads it. The URL is the direct one, because migrations
 * need a session of their own and do not work through PgBouncer's transaction pooling; it is absent where only
 * `prisma generate` runs (Prisma 7 needs no URL for that). `poolkit.Migrations` does not use this file either: it
 * takes its connection from the stack.
 */
const directUrl = readDirectUrl(process.env);

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  ...(directUrl === undefined ? {} : { datasource: { url: directUrl } }),
});

/** `DIRECT_URL`, else what the file has that `DIRECT_URL_FILE` names. An empty variable is one that is not set. */
function readDirectUrl({ DIRECT_URL, DIRECT_URL_FILE }: NodeJS.ProcessEnv): string | undefined {
  if (DIRECT_URL && DIRECT_URL_FILE) {
    throw new Error("DIRECT_URL: set in two ways, DIRECT_URL and DIRECT_URL_FILE; keep one");
  }
  if (!DIRECT_URL_FILE) return DIRECT_URL || undefined;
  try {
    return readFileSync(DIRECT_URL_FILE, "utf8").trim() || undefined;
  } catch (error) {
    throw new Error(`DIRECT_URL_FILE: cannot read ${DIRECT_URL_FILE}`, { cause: error });
  }
}
