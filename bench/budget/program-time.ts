import { budgetOf } from "../../infra/budget/budget.ts";
import { presetNames } from "../../infra/presets.ts";
import type { SizingInput } from "../../infra/sizing.ts";
import { median, row } from "../deploy/measure.ts";

/** What the proof costs a preview, in milliseconds of program time: `npm run bench:budget`. */
const rounds = 200;
const goalMs = 50;

const plain = (presetName: SizingInput["presetName"]): SizingInput => ({
  presetName,
  databaseName: "poolkit",
  overrides: {},
  pgbouncer: {},
  budget: {},
  application: {},
  observability: false,
});

/** Many problems at once: each asks for the smallest change that mends it. */
const bad: SizingInput = {
  ...plain("prod"),
  overrides: { connectionLimit: 900, poolSize: 90, lockTimeoutSeconds: 900, statementTimeoutSeconds: 900 },
  pgbouncer: { max_db_connections: 0, server_login_retry: 60, client_idle_timeout: 1, query_timeout: 1 },
  budget: { otherClients: 9000, otherConnections: 900, transactionMilliseconds: 60_000 },
};

const inputs: readonly [string, SizingInput][] = [
  ...presetNames.map((name): [string, SizingInput] => [`preset ${name}`, plain(name)]),
  ["a configuration with many problems", bad],
];
const started = performance.now();
budgetOf(plain("dev"));
row(
  "the first account of a program (cold)",
  `${(performance.now() - started).toFixed(1)} ms`,
  `< ${goalMs} ms`,
);
let isSlow = performance.now() - started > goalMs;
for (const [name, input] of inputs) {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    budgetOf(input);
    return performance.now() - start;
  });
  const problems = budgetOf(input).budget.problems.length;
  row(
    `${name}, ${problems} problems`,
    `${median(times).toFixed(2)} ms (${Math.max(...times).toFixed(1)} at most)`,
    `< ${goalMs} ms`,
  );
  isSlow ||= median(times) > goalMs;
}
process.exitCode = isSlow ? 1 : 0;
