import { PrismaClient } from "../generated/prisma/client.ts";
import { PoolExchange } from "./pool-exchange.ts";

/** The database layer behind the client: app/server.ts gives it its settings, health looks at its state. */
export const databasePool = new PoolExchange();

/**
 * The one PrismaClient of this process. Every module imports this object; none makes its own, because each client
 * brings a pool and the sum of all pools is what PgBouncer has to hold. It stays the same object when the pool's
 * settings change.
 */
export const prisma = new PrismaClient({ adapter: databasePool });
