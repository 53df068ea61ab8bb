import { createRequire } from "node:module";

/** The version of the plugin: the engine looks for exactly that of the installed npm package. */
export function pluginVersion(): string {
  const { version }: { version: string } = createRequire(import.meta.url)("@pulumi/postgresql/package.json");
  return version;
}
