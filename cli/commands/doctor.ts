import { engineNames, roles } from "../../infra/names.ts";
import { bounded } from "../doctor/bounded.ts";
import { type Deployed, deployedIn } from "../doctor/deployed.ts";
import { exitCodeOf, findingsOf } from "../doctor/findings.ts";
import { look } from "../doctor/look.ts";
import { jsonReport, textReport } from "../doctor/report.ts";
import { capturePulumi, pulumiMessage } from "../pulumi.ts";
import { stackName } from "../stack-name.ts";
import { UserError } from "../user-error.ts";

/** Milliseconds that Pulumi gets to read the state, before everything that it says where to look for. */
const stateLimit = 4_500;

/**
 * `poolkit doctor`: looks at engine, containers, PgBouncer, Postgres and application side by side and says what is
 * wrong. Changes nothing. Ends within 10 s whatever is broken.
 */
export async function doctor(stack: string, json: boolean): Promise<0 | 1 | 2> {
  const names = engineNames(stackName(stack));
  const deployed = bounded(stateLimit, (signal) => readDeployed(stack, signal));
  const seen = await look(names, deployed);
  if (!seen.deployed.ok && seen.deployed.message.startsWith("no stack named")) {
    throw new UserError(seen.deployed.message);
  }
  const limits = seen.deployed.ok ? (seen.deployed.seen.outputs.poolLimits ?? {}) : {};
  const findings = findingsOf(seen, { stack, names, limits });
  const report = json ? jsonReport(stack, findings, seen) : textReport(stack, findings, seen);
  process.stdout.write(report);
  return exitCodeOf(findings);
}

/** Everything of the last `up` in one call; with secrets, because the logins are among them. */
async function readDeployed(stack: string, signal: AbortSignal): Promise<Deployed> {
  const args = ["stack", "export", "--show-secrets", "--stack", stack];
  const { code, stdout, stderr } = await capturePulumi(args, undefined, signal);
  if (code !== 0) throw new Error(pulumiMessage(stderr));
  return deployedIn(JSON.parse(stdout), roles.app);
}
