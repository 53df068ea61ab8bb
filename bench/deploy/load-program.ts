// Loads the whole Pulumi program as `pulumi up` does, against mocks instead of an engine, and says whether anything of
// that was ts-node, which type-checks at every run. (The SDK itself loads TypeScript's parser for its closures.)
import { registeredResources } from "../../test/support/program.ts";

const resources = await registeredResources({
  "poolkit:preset": "dev",
  "poolkit:secretSeed": "x".repeat(40),
});
const loaded = Object.keys(
  process.getBuiltinModule("node:module").createRequire(import.meta.url).cache ?? {},
);
const typeChecker = loaded.some((path) => path.includes("/node_modules/ts-node/"));
process.stdout.write(JSON.stringify({ resources: resources.length, typeChecker }));
