import { runPulumi } from "../pulumi.ts";
import { reconcileForDestroy } from "../reconcile.ts";

/**
 * `poolkit down`: removes everything of the stack but its configuration. Pulumi's preview runs first, so that protected
 * data stops it before anything is removed. Returns Pulumi's exit code.
 */
export async function down(stack: string, pulumiOptions: readonly string[]): Promise<number> {
  const reconciled = await reconcileForDestroy(stack);
  if (reconciled !== 0) return reconciled;
  const code = await runPulumi(["destroy", "--stack", stack, "--yes", ...pulumiOptions]);
  if (code !== 0) {
    process.stderr.write(
      `poolkit: if the data volume is protected, say first that it may go:\n` +
        `  pulumi config set --path poolkit:overrides.protectData false -s ${stack} && pulumi up -s ${stack}\n`,
    );
  }
  return code;
}
