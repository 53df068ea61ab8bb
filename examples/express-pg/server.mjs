// A plain Express application on a database of Poolkit's, with `pg` and nothing of Poolkit's in it. What the kit gives
// it and asks of it: docs/your-own-application.md.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import pg from "pg";

const { DATABASE_URL, DATABASE_URL_FILE, POOLKIT_CONFIG_DIR, PORT = "3000" } = process.env;

/** The preset's limits; on a developer's machine there is no such file. */
const limits = POOLKIT_CONFIG_DIR
  ? JSON.parse(readFileSync(`${POOLKIT_CONFIG_DIR}/settings.json`, "utf8"))
  : { DATABASE_CONNECTION_LIMIT: "10", DATABASE_POOL_TIMEOUT: "30", STOP_GRACE: "10" };

const pool = new pg.Pool({
  connectionString: DATABASE_URL_FILE ? readFileSync(DATABASE_URL_FILE, "utf8").trim() : DATABASE_URL,
  application_name: "express-pg",
  max: Number(limits.DATABASE_CONNECTION_LIMIT),
  // pg's default is to wait for ever.
  connectionTimeoutMillis: Number(limits.DATABASE_POOL_TIMEOUT) * 1000,
  // A stop of PgBouncer ends when its clients have gone: connections must not live for ever.
  maxLifetimeSeconds: 1800,
});
// Without a listener a broken idle connection ends the process.
pool.on("error", (error) => console.error(`an idle connection broke: ${error.message}`));

let isStopping = false;
const app = express();
app.disable("x-powered-by");
app.use((_request, response, next) => {
  if (isStopping) response.set("connection", "close");
  next();
});

/** Below the 5 s in which health has to be told; a query may wait for a connection for much longer. */
const HEALTH_LIMIT_MS = 3000;
const isReachable = () =>
  Promise.race([
    pool.query("SELECT 1").then(
      () => true,
      () => false,
    ),
    sleep(HEALTH_LIMIT_MS, false, { ref: false }),
  ]);

app.get("/health", async (_request, response) => {
  const isUp = !isStopping && (await isReachable());
  response.status(isUp ? 200 : 503).json({ status: isUp ? "ok" : "unavailable" });
});

app.post("/visits", async (_request, response) => {
  const { rows } = await pool.query("INSERT INTO visits DEFAULT VALUES RETURNING id, at");
  response.status(201).json(rows[0]);
});

app.get("/visits", async (_request, response) => {
  const { rows } = await pool.query("SELECT count(*)::int AS visits FROM visits");
  response.json(rows[0]);
});

const server = app.listen(Number(PORT), (error) => {
  // Express tells of a port that is taken here, too.
  if (error) throw error;
  console.log(`listening on ${PORT}`);
});

/** Not healthy for a moment, so that callers leave; then no new requests; then the pool. A second signal ends at once. */
process.once("SIGTERM", () => {
  process.once("SIGTERM", () => process.exit(1));
  isStopping = true;
  setTimeout(() => process.exit(1), Number(limits.STOP_GRACE) * 1000).unref();
  setTimeout(() => server.close(() => pool.end().then(() => process.exit(0))), 1000);
});
