import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { budget, budgetObserved } from "./commands/budget.ts";
import { doctor } from "./commands/doctor.ts";
import { down } from "./commands/down.ts";
import { health } from "./commands/health.ts";
import { type InspectOptions, inspect } from "./commands/inspect.ts";
import { status } from "./commands/status.ts";
import { up } from "./commands/up.ts";
import { type TableName, tableNames } from "./inspect/tables.ts";
import { UserError } from "./user-error.ts";

// The one variable of the person that no setting overrides; PgBouncer refuses what usually stands in it.
delete process.env.PGOPTIONS;
// Node ends with 1 at an error that nobody expected: to those who read our exit codes that would be a warning.
process.on("uncaughtException", (error) => {
  console.error(error);
  process.exit(2);
});
// Whoever reads our output has seen enough (`… --watch | head`): ends as a program that SIGPIPE ends, without a word.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(141);
  throw error;
});

const stack = () => new Option("-s, --stack <name>", "stack to work on").default("dev").env("PULUMI_STACK");
const json = () => new Option("--json", "print one JSON object on standard output");

const program = new Command("poolkit")
  .description(
    "Pooled PostgreSQL for a Node application. Adds to Pulumi what Pulumi does not have; plain pulumi commands work too.",
  )
  .showSuggestionAfterError()
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  });

program
  .command("up")
  .description("create the stack if it is missing, pulumi up, then the health summary; exit code as pulumi's")
  .addOption(stack())
  .argument("[pulumi-options...]", "further options for pulumi up, after --")
  .action(async (pulumiOptions: string[], options: { stack: string }) => {
    process.exitCode = await up(options.stack, pulumiOptions);
  });

program
  .command("down")
  .description("pulumi destroy; protected data is refused, see docs/operations.md; exit code as pulumi's")
  .addOption(stack())
  .argument("[pulumi-options...]", "further options for pulumi destroy, after --")
  .action(async (pulumiOptions: string[], options: { stack: string }) => {
    process.exitCode = await down(options.stack, pulumiOptions);
  });

program
  .command("health")
  .description("ask the stack's health endpoint; exits 0 for pass, 1 for warn, 2 for fail or unreachable")
  .addOption(stack())
  .addOption(json())
  .action(async (options: { stack: string; json?: true }) => {
    process.exitCode = await health(options.stack, options.json === true);
  });

program
  .command("status")
  .description("addresses, preset, limits and health of the stack; exit code as health's")
  .addOption(stack())
  .addOption(json())
  .action(async (options: { stack: string; json?: true }) => {
    process.exitCode = await status(options.stack, options.json === true);
  });

program
  .command("budget")
  .description(
    "the account of the stack's configuration, deployed or not: who uses what of each limit; exits 0 when it fits, 1 with advice, 2 when it is refused",
  )
  .addOption(stack())
  .addOption(json())
  .addOption(
    new Option(
      "--observe <time>",
      "watch the deployed stack for so long (30s, 5m) and judge its pool",
    ).argParser(observationSeconds),
  )
  .action(async (options: { stack: string; json?: true; observe?: number }) => {
    const isJson = options.json === true;
    process.exitCode =
      options.observe === undefined
        ? await budget(options.stack, isJson)
        : await budgetObserved(options.stack, options.observe, isJson);
  });

/** `30s` or `5m` in seconds: from 1 s to 1 h. */
function observationSeconds(text: string): number {
  const [, amount, unit] = /^(\d{1,4})(s|m)$/.exec(text) ?? [];
  const seconds = Number(amount) * (unit === "m" ? 60 : 1);
  if (!(seconds >= 1 && seconds <= 3600)) {
    throw new InvalidArgumentError("allowed: 1s to 3600s, or minutes such as 5m");
  }
  return seconds;
}

program
  .command("doctor")
  .description(
    "what is wrong, why and what to do, also when the application is gone; exits 0 for nothing, 1 for warnings, 2 for failures",
  )
  .addOption(stack())
  .addOption(json())
  .action(async (options: { stack: string; json?: true }) => {
    process.exitCode = await doctor(options.stack, options.json === true);
  });

program
  .command("inspect")
  .description("one table of what runs, in PgBouncer's and PostgreSQL's own column names")
  .addArgument(new Argument("<what>", "which table").choices(tableNames))
  .addOption(stack())
  .addOption(json())
  .option("--watch [seconds]", "show it again every so many seconds (2), until Ctrl-C")
  .option("--all", "queries: idle sessions too")
  .option("--show-sql", "queries: the text of the statements, which may hold data of others")
  .action(async (what: TableName, options: InspectOptions & { stack: string }) => {
    process.exitCode = await inspect(what, options.stack, options);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) {
    throw error;
  }
  process.stderr.write(`poolkit: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
