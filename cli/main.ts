import { Command, Option } from "commander";
import { down } from "./commands/down.ts";
import { health } from "./commands/health.ts";
import { status } from "./commands/status.ts";
import { up } from "./commands/up.ts";
import { UserError } from "./user-error.ts";

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

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) {
    throw error;
  }
  process.stderr.write(`poolkit: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
