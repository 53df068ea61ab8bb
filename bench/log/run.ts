// What the log costs, as ratios of the same load with and without it, on real Postgres and PgBouncer:
//   npm run bench:log -- [--rounds 7] [--seconds 5]
import { parseArgs } from "node:util";
import { startAppDatabase } from "../../test/support/app-database.ts";
import { alternate, median, ratio, row } from "../deploy/measure.ts";
import { LoggingApp } from "./logging-app.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, seconds: { type: "string", default: "5" } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

const database = await startAppDatabase({ default_pool_size: "10" });
const apps: LoggingApp[] = [];
const start = async (level: string) => {
  const app = await LoggingApp.start(database.urls.database, level);
  apps.push(app);
  return app;
};
try {
  const silent = await start("silent");
  for (const [level, goal] of [
    ["info", "goal >= 0.97"],
    ["debug", ""],
  ] as const) {
    const logging = await start(level);
    await silent.load(seconds); // warm
    await logging.load(seconds);
    const before = logging.lines;
    const pair = await alternate(
      rounds,
      () => logging.load(seconds),
      () => silent.load(seconds),
    );
    row(`LOG_LEVEL=${level} / silent, requests/s`, ratio(pair), goal);
    row("  silent", `${median(pair.b).toFixed(0)} requests/s`);
    row("  lines written", `${((logging.lines - before) / (rounds * seconds)).toFixed(0)} a second`);
  }
} finally {
  for (const app of apps) await app.stop();
  await database.stop();
}
