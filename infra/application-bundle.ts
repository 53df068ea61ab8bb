import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";

/**
 * Bundles the reference application on the host, because a build container has neither npm nor the host's trust. Does
 * nothing when the sources are those of the last bundle.
 */
export async function bundleApplication(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [join("app", "build.mjs")]);
  } catch (error) {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new pulumi.RunError(`poolkit: the application does not build (npm run build:app):\n${output}`);
  }
}
