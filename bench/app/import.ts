// Imports one file with the application's own importer and prints what it took: node bench/app/import.ts <file> <company>
import { createReadStream } from "node:fs";
import { loadConfig } from "../../app/config/config.ts";
import { databasePool } from "../../app/database/prisma.ts";
import { importProcessor } from "../../app/processing/import-processor.ts";

const [file = "", company = ""] = process.argv.slice(2);
const loaded = loadConfig();
if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
await databasePool.use(loaded.config.database);

const before = process.cpuUsage();
const start = performance.now();
const outcome = await importProcessor.run({ company, fileName: "bench.csv", source: createReadStream(file) });
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(before);
const rows = outcome.report.rows.accepted;
await databasePool.close(5000);
process.stdout.write(JSON.stringify({ rows, seconds, cpuSeconds: (user + system) / 1e6 }));
