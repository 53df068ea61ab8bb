// @ts-check
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @typedef {{ name: string, version: string }} Package */

/**
 * The provider plugins that the program's packages stand for: each installed npm package whose package.json says
 * `pulumi.resource`, by the plugin's name and the version that the engine must load.
 * @param {string} folder program directory
 * @returns {Package[]}
 */
export function requiredPackages(folder) {
  return installedManifests(folder, (text) => text.includes('"pulumi"'))
    .filter((manifest) => manifest.pulumi?.resource)
    .map(({ name, version, pulumi }) => ({
      name: pulumi.name ?? name.replace(/^@pulumi\//, ""),
      version: (pulumi.version ?? version).replace(/^v/, ""),
    }));
}

/**
 * Installed npm packages for `pulumi about`: those that the program names, or all.
 * @param {string} folder program directory
 * @param {boolean} transitive
 * @returns {Package[]}
 */
export function installedDependencies(folder, transitive) {
  const own = readManifest(folder);
  const named = new Set(Object.keys({ ...own?.dependencies, ...own?.devDependencies }));
  return installedManifests(folder)
    .filter(({ name }) => transitive || named.has(name))
    .map(({ name, version }) => ({ name, version }));
}

/**
 * @param {string} folder
 * @param {(text: string) => boolean} [isWanted] looks at the text: there are hundreds, and parsing all takes longer
 */
function installedManifests(folder, isWanted) {
  const modules = join(folder, "node_modules");
  if (!existsSync(modules)) return [];
  return readdirSync(modules)
    .flatMap((entry) =>
      entry.startsWith("@") ? readdirSync(join(modules, entry)).map((name) => join(entry, name)) : [entry],
    )
    .flatMap((entry) => readManifest(join(modules, entry), isWanted) ?? []);
}

/**
 * @param {string} folder
 * @param {(text: string) => boolean} [isWanted]
 */
function readManifest(folder, isWanted = () => true) {
  const path = join(folder, "package.json");
  const text = existsSync(path) ? readFileSync(path, "utf8") : undefined;
  return text !== undefined && isWanted(text) ? JSON.parse(text) : undefined;
}
