import { defineConfig } from "prisma/config";

/**
 * Configuration of Prisma's CLI only: the application never reads it. The URL is the direct one, because migrations
 * need a session of their own and do not work through PgBouncer's transaction pooling; it is absent where only
 * `prisma generate` runs (Prisma 7 needs no URL for that). `poolkit.Migrations` does not use this file either: it
 * takes its connection from the stack.
 */
const directUrl = process.env.DIRECT_URL;

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  ...(directUrl === undefined ? {} : { datasource: { url: directUrl } }),
});
