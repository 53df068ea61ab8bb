import { randomBytes } from "node:crypto";
import { z } from "zod";
import { refuseNamesake } from "./namesake.ts";
import { capturePulumi, pulumiMessage } from "./pulumi.ts";
import { isSameStack } from "./stack-name.ts";
import { UserError } from "./user-error.ts";

/** Outputs of the Pulumi program (infra/index.ts) that the command uses. */
const stackOutputs = z.object({
  preset: z.string(),
  url: z.string(),
  healthUrl: z.string(),
  healthToken: z.string(),
  /** "status": an own application, whose health is what its HTTP status says. */
  healthFormat: z.enum(["health+json", "status"]).optional(),
  pgbouncerHost: z.string(),
  pgbouncerPort: z.number(),
  /** Empty where `poolkit:observability` is off; absent in stacks from before it. */
  prometheusUrl: z.string().optional(),
  poolLimits: z.record(z.string(), z.number()),
});

export type StackOutputs = z.infer<typeof stackOutputs>;

const monitorUrls = z.object({ consoleUrl: z.string(), monitorUrl: z.string() });

/** Reads the stack's outputs, the secret health token included. Throws a UserError when it was never deployed. */
export function readOutputs(stack: string): Promise<StackOutputs> {
  return outputsOf(stack, stackOutputs);
}

/** The monitoring role's URLs of PgBouncer's console and of Postgres; secrets, never printed. */
export function readMonitorUrls(stack: string): Promise<z.infer<typeof monitorUrls>> {
  return outputsOf(stack, monitorUrls);
}

async function outputsOf<T>(stack: string, shape: z.ZodType<T>): Promise<T> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const parsed = shape.safeParse(JSON.parse(await captured(args)));
  if (!parsed.success) {
    throw new UserError(`stack "${stack}" is not deployed, or not to its end; run: poolkit up -s ${stack}`);
  }
  return parsed.data;
}

/**
 * Makes the stack and its secret when they are missing. A stack that has resources never gets a new secret: an update
 * without one would fail in the program, but only after Pulumi has encrypted the state anew, and then nothing can read
 * the former one in the stack's history.
 * @throws UserError also where the engine has a stack of this name that the backend does not know
 */
export async function ensureStack(stack: string): Promise<void> {
  const listed = await captured(["stack", "ls", "--json"]);
  const stacks = z.array(z.object({ name: z.string(), resourceCount: z.number().optional() }));
  const known = stacks.parse(JSON.parse(listed)).find(({ name }) => isSameStack(name, stack));
  if (known === undefined) {
    await captured(["stack", "init", stack, "--no-select"]);
  }
  const seed = await captured(["config", "get", "poolkit:secretSeed", "--stack", stack]);
  const hasSeed = seed.trim() !== "";
  // Not every backend counts the resources of a stack that was deployed; a stack without a secret never was.
  const isEmpty =
    known === undefined || (known.resourceCount === undefined ? !hasSeed : known.resourceCount === 0);
  if (isEmpty) await refuseNamesake(stack);
  if (hasSeed) return;
  if (!isEmpty) {
    throw new UserError(
      `stack "${stack}" is deployed, but its file has no poolkit:secretSeed; bring back the configuration of its last update: pulumi config refresh -s ${stack}`,
    );
  }
  const secret = randomBytes(32).toString("hex");
  await captured(["config", "set", "--secret", "poolkit:secretSeed", "--stack", stack], secret);
}

/** What Pulumi prints. */
async function captured(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await capturePulumi(args, input);
  if (code !== 0) {
    throw new UserError(pulumiMessage(stderr));
  }
  return stdout;
}
