// @ts-check
import { join } from "node:path";
import { findBaseImage } from "./engine/base-image.mjs";
import { findEngine } from "./engine/engine.mjs";
import { locateEngine } from "./engine/locate.mjs";
import { generateSources } from "./generated.mjs";
import { cacheFolder } from "./lib/cache.mjs";
import { writeAtomic } from "./lib/files.mjs";
import { withLock } from "./lib/lock.mjs";
import { findNpm } from "./lib/npm.mjs";
import { endChildren } from "./lib/processes.mjs";
import { Progress } from "./lib/progress.mjs";
import { findNode } from "./node.mjs";
import { installPackages } from "./packages.mjs";
import { findPulumi } from "./pulumi/pulumi.mjs";
import { readWanted } from "./pulumi/wanted.mjs";
import { writeWorkspace } from "./workspace/workspace.mjs";

/**
 * Which parts a command needs. Without `engine` nothing is asked of Docker Engine (and none is installed), without
 * `pulumi` Pulumi is not looked for and `.poolkit/` is left as it is; `generated` are the sources that only type check
 * and tests need (the build of the application's image makes its own). Quiet: only steps that did something say so.
 * @typedef {{ pulumi: boolean, engine: boolean, baseImage: boolean, generated: boolean, quiet: boolean }} Needs
 */

/**
 * Brings the machine and the checkout to where the command can run; what is in place already is left alone. The
 * steps that do not need each other run side by side. Rejects with the first `SetupProblem`; everything that was
 * finished until then is kept, and the next start goes on from there.
 * @param {{ root: string, env: NodeJS.ProcessEnv, needs: Needs, write: (line: string) => void }} context
 * @returns {Promise<{ node: string }>}
 */
export function setUp({ root, env, needs, write }) {
  const progress = new Progress({ write, quiet: needs.quiet });
  const cache = cacheFolder(env);
  const onWait = () => progress.note("set-up", "another one runs in this checkout; waiting");
  return withLock(join(root, ".poolkit", "setup.lock"), { onWait }, async () => {
    const begin = performance.now();
    const npm = findNpm(env);
    /** @param {string} step */
    const onLong = (step) => (/** @type {string} */ text) => progress.note(step, text);
    const node = progress.step("node", () => findNode({ root, cache, npm, onLong: onLong("node") }));
    const packages = progress.step("packages", () =>
      installPackages({ root, npm, onLong: onLong("packages") }),
    );
    const pulumi = needs.pulumi
      ? progress.step("pulumi", () =>
          findPulumi({ root, cache, env, node, packages, onLong: onLong("pulumi") }),
        )
      : undefined;
    const engine = needs.engine
      ? progress.step("engine", () => findEngine({ env, cache, onLong: onLong("engine") }))
      : undefined;
    const baseImage =
      engine && needs.baseImage
        ? engine.then((address) =>
            progress.step("base image", () => findBaseImage({ address, env, onLong: onLong("base image") })),
          )
        : undefined;
    const generated = needs.generated
      ? progress.step("sources", () => generateSources({ root, node, packages }))
      : undefined;
    await allOrNone([node, packages, pulumi, engine, baseImage, generated]);

    const toolchain = await pulumi;
    if (toolchain) {
      const launcherVersion = readWanted(root).cliVersion;
      const workspace = {
        root,
        node: await node,
        toolchain,
        engine: (await engine) ?? located(env),
        launcherVersion,
      };
      await progress.step("workspace", () => writeWorkspace(workspace));
      const totalSeconds = Number(((performance.now() - begin) / 1000).toFixed(3));
      const report = { totalSeconds, steps: progress.records };
      writeAtomic(join(root, ".poolkit", "setup.json"), `${JSON.stringify(report, null, 2)}\n`, 0o644);
    }
    return { node: await node };
  });
}

/** Where the engine would be, for a command that does not need it now. @param {NodeJS.ProcessEnv} env */
function located(env) {
  const address = locateEngine(env);
  return "host" in address ? address : undefined;
}

/**
 * Waits for all; at the first failure ends the programs of the others, so that nothing goes on behind an error.
 * @param {(Promise<unknown> | undefined)[]} steps
 */
async function allOrNone(steps) {
  try {
    await Promise.all(steps);
  } catch (error) {
    await endChildren();
    await Promise.allSettled(steps);
    throw error;
  }
}
