import { loadConfig } from "./config/config.ts";
import { configFiles } from "./config/config-sources.ts";
import { watchConfig } from "./config/config-watch.ts";
import { processEnvironment } from "./config/environment.ts";
import { databasePool, prisma } from "./database/prisma.ts";
import { Health } from "./health/health.ts";
import { buildServer } from "./http.ts";
import { LiveConfig } from "./lifecycle/live-config.ts";
import { installStop } from "./lifecycle/stop.ts";
import { healthLog } from "./log/health-log.ts";
import { LogSampler } from "./log/log-sampler.ts";
import { logPoolSize } from "./log/pool-size-log.ts";
import { workLog } from "./log/work-log.ts";
import { processRegistry } from "./metrics/process-metrics.ts";
import { importProcessor } from "./processing/import-processor.ts";
import { schedulers } from "./processing/schedulers.ts";
import { workCounts } from "./processing/work-counts.ts";
import { RequestsUnderWay } from "./requests/requests-under-way.ts";

/** EX_CONFIG of sysexits.h: "the configuration is wrong", so that nobody restarts in vain. */
const EXIT_CONFIG = 78;

const loaded = loadConfig();
if (!loaded.ok) {
  for (const problem of loaded.problems) process.stderr.write(`${problem}\n`);
  process.exit(EXIT_CONFIG);
}
const initial = loaded.config;

let stopping = false;
const sources = {
  config: () => live.current,
  configurationError: () => live.lastError,
  pool: () => databasePool.state(),
  requests: () => requests.counts(),
};
const logSampler = new LogSampler();
const health = new Health({ ...sources, onVerdict: (verdict) => tellHealth(verdict) });
const server = buildServer({
  config: initial,
  healthToken: () => live.current.healthToken,
  metricsToken: () => live.current.metricsToken,
  apiToken: () => live.current.apiToken,
  isStopping: () => stopping,
  health,
  metrics: {
    ...sources,
    operations: () => databasePool.operationTimes(),
    work: () => workCounts,
    importsRunning: () => importProcessor.running,
    logLinesLeftOut: () => logSampler.leftOut,
    registry: processRegistry(),
  },
  logSampler,
});
const log = workLog(server.log);
const tellHealth = healthLog(log);
const requests = new RequestsUnderWay(server.server);
const live = new LiveConfig(initial, { pool: databasePool, log });
const reload = async (isAgain = false) => stopping || (await live.reload({ isAgain }));
process.on("SIGHUP", () => void reload());

installStop(
  {
    server,
    markStopping: () => {
      stopping = true;
    },
    stopJobs: (deadlineMs) => schedulers.stop(deadlineMs),
    closePool: (deadlineMs) => databasePool.close(deadlineMs),
    graceSeconds: () => live.current.stopGraceSeconds,
  },
  requests,
);

databasePool.logTo(log);
for (const warning of initial.warnings) server.log.warn(warning);
server.log.info({ revision: initial.revision, values: initial.effective }, "configuration in force");
await databasePool.use(initial.database);
logPoolSize(() => databasePool.state(), log);
watchConfig(configFiles(processEnvironment()), reload);
// Opens no connection (the database may be away), but loads the query compiler, so that no request pays for it.
await prisma.$connect();
await server.listen({ host: initial.host, port: initial.port }).catch((error: Error) => {
  process.stderr.write(
    `PORT: cannot listen on ${initial.host}:${initial.port} (${error.message}); choose another\n`,
  );
  process.exit(1);
});
if (!stopping) schedulers.start(initial.processing, log);
