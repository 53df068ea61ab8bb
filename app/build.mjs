/**
 * Builds the application: Prisma's client, build-info.ts and page-assets.ts into app/generated, then one bundled file
 * per entry into app/dist, so that the image needs Node and nothing else (no npm, no node_modules, no shell).
 *
 *   node app/build.mjs                  build; does nothing (< 0.1 s) when no input changed
 *   node app/build.mjs --generate-only  only app/generated, which type checking and unit tests need
 *
 * Reproducible: the same inputs give the same bytes. Plain JavaScript, because it runs before anything is generated
 * and from the Pulumi program through a child process.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { withBuildLock } from "./build-lock.mjs";

const root = path.resolve(import.meta.dirname, "..");
const generatedDir = path.join(root, "app/generated");
const distDir = path.join(root, "app/dist");
/** The bundles; their names are part of the image's contract (app/Dockerfile). */
const ENTRIES = ["server", "healthcheck"];
const BUNDLES = ENTRIES.map((entry) => path.join(distDir, `${entry}.mjs`));
const GENERATED = ["prisma/client.ts", "build-info.ts", "page-assets.ts"].map((file) =>
  path.join(generatedDir, file),
);

/**
 * Stands for the release in build-info.ts; each bundle gets the first 12 digits of its own hash instead, so that a
 * release is named by what runs: a change of a development tool gives neither a new name nor other bytes.
 */
const RELEASE_PLACEHOLDER = "unbundled";

/** Files below `dir` (relative to the root) in a fixed order, without what the build itself writes. */
function filesBelow(dir) {
  return readdirSync(path.join(root, dir), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))
    .filter((file) => !/^app\/(generated|dist)\//.test(file) && file !== "app/Dockerfile")
    .sort();
}

/** SHA-256 over names and bytes of `files`: unlike modification times it survives a fresh checkout. */
function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(path.join(root, file)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** True when every output exists and `stampFile` says it was made from inputs with this hash. */
function isFresh(stampFile, hash, outputs) {
  return outputs.every(existsSync) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === hash;
}

/** Prisma's client, and build-info.ts: what the running application knows about its own build. */
async function generate() {
  // Prisma only looks whether its native engine exists; generating does not run it. Naming any program that is there
  // spares a download (and the network).
  const environment = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: "1",
  };
  const prismaCli = path.join(root, "node_modules/prisma/build/index.js");
  await promisify(execFile)(process.execPath, [prismaCli, "generate"], { cwd: root, env: environment }).catch(
    (error) => {
      throw new Error(`prisma generate failed:\n${error.stderr}${error.stdout}`);
    },
  );
  const version = (file) => JSON.parse(readFileSync(path.join(root, file), "utf8")).version;
  const info = {
    version: version("package.json"),
    releaseId: RELEASE_PLACEHOLDER,
    prismaVersion: version("node_modules/@prisma/client/package.json"),
    pgVersion: version("node_modules/pg/package.json"),
    migrations: readdirSync(path.join(root, "prisma/migrations"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort(),
  };
  const text = `// Written by app/build.mjs.\nexport const buildInfo = ${JSON.stringify(info, null, 2)};\n`;
  await writeFile(path.join(generatedDir, "build-info.ts"), text);
}

/** page-assets.ts: the script and the style of the page at /admin/database as texts, so that the bundle serves them itself. */
async function generatePageAssets() {
  const { build } = await import("esbuild");
  const result = await build({
    absWorkingDir: root,
    entryPoints: ["app/page/browser/main.ts", "app/page/page.css"],
    outdir: "app/dist",
    bundle: true,
    minify: true,
    platform: "browser",
    target: "es2022",
    format: "esm",
    legalComments: "inline", // uPlot's licence asks to be named
    write: false,
    logLevel: "silent",
  });
  const textOf = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text;
  const assets = { script: textOf(".js"), style: textOf(".css") };
  const hash = createHash("sha256").update(JSON.stringify(assets)).digest("hex").slice(0, 12);
  const text = `// Written by app/build.mjs.\nexport const pageAssets = ${JSON.stringify({ hash, ...assets }, null, 2)};\n`;
  await writeFile(path.join(generatedDir, "page-assets.ts"), text);
}

/** One self-contained ES module per entry; written beside the old ones and renamed, so no reader sees half a file. */
async function bundle() {
  const { build } = await import("esbuild");
  const result = await build({
    absWorkingDir: root,
    entryPoints: ENTRIES.map((entry) => `app/${entry}.ts`),
    outdir: "app/dist",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    // Some dependencies are CommonJS and call require for Node's own modules.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    external: ["pg-native"], // optional, pg loads it only when asked to
    legalComments: "none",
    write: false,
    logLevel: "silent",
  });
  await mkdir(distDir, { recursive: true });
  for (const file of result.outputFiles) {
    const releaseId = createHash("sha256").update(file.contents).digest("hex").slice(0, 12);
    await writeFile(`${file.path}.new`, file.text.replace(`"${RELEASE_PLACEHOLDER}"`, `"${releaseId}"`));
    // The image keeps the mode, and its user is another one: under umask 077 it could not read its own program.
    await chmod(`${file.path}.new`, 0o644);
    await rename(`${file.path}.new`, file.path);
  }
}

async function main() {
  const generateOnly = process.argv.includes("--generate-only");
  const files = [
    ...filesBelow("app"),
    ...filesBelow("prisma"),
    "prisma.config.ts",
    "package.json",
    "package-lock.json",
  ];
  const hash = hashOf(files);
  const generatedStamp = path.join(generatedDir, ".hash");
  const distStamp = path.join(distDir, ".hash");
  const wanted = () =>
    isFresh(generatedStamp, hash, GENERATED) && (generateOnly || isFresh(distStamp, hash, BUNDLES));
  if (wanted()) return;
  await withBuildLock(path.join(root, "app/generated/.lock"), async () => {
    if (wanted()) return; // another build did it while this one waited
    if (!isFresh(generatedStamp, hash, GENERATED)) {
      await rm(generatedStamp, { force: true });
      await generate();
      await generatePageAssets();
      await writeFile(generatedStamp, hash);
    }
    if (generateOnly) return;
    await rm(distStamp, { force: true });
    await bundle();
    await writeFile(distStamp, hash);
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`app/build.mjs: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
