// @ts-check
import { join } from "node:path";
import { readIfPresent } from "../lib/files.mjs";

/**
 * @typedef {object} Wanted
 * @property {string} range of CLI versions, as in Pulumi.yaml
 * @property {string} cliVersion of the official download: that of npm's package `pulumi`
 * @property {{ name: string, version: string }[]} plugins versions of the npm packages: the engine takes no other
 */

/**
 * What the project asks for.
 * @param {string} root
 * @returns {Wanted}
 */
export function readWanted(root) {
  const { dependencies, devDependencies } = JSON.parse(readIfPresent(join(root, "package.json")) ?? "{}");
  return {
    range: requiredRange(readIfPresent(join(root, "Pulumi.yaml")) ?? ""),
    cliVersion: String(devDependencies.pulumi),
    plugins: ["docker", "postgresql"].map((name) => ({
      name,
      version: String(dependencies[`@pulumi/${name}`]),
    })),
  };
}

/**
 * `requiredPulumiVersion` of a Pulumi.yaml; without one, what the SDK needs.
 * @param {string} project text of Pulumi.yaml
 */
export function requiredRange(project) {
  return /^requiredPulumiVersion:\s*(["']?)(.+?)\1\s*(?:#.*)?$/m.exec(project)?.[2] ?? ">=3.249.0";
}
