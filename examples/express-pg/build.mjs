// One file with everything in it: the image needs Node and nothing else.
import { build } from "esbuild";

await build({
  absWorkingDir: import.meta.dirname,
  entryPoints: ["server.mjs"],
  outfile: "dist/server.mjs",
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  // Express is CommonJS and calls require for Node's own modules.
  banner: {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
  external: ["pg-native"],
  legalComments: "none",
  logLevel: "warning",
});
