import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { removeStackByLabel } from "../../test/e2e/support/engine.ts";
import { Project } from "../../test/e2e/support/project.ts";
import { TestStack } from "../../test/e2e/support/stack.ts";
import { alternate, median, ratio, row, seconds } from "./measure.ts";
import { deployRaw, record } from "./raw-script.ts";

const run = promisify(execFile);

/** What a deploy of this checkout costs: the program alone, an `up` that changes nothing, a first `up`. */
export async function deploys(root: string): Promise<void> {
  const node = (...args: string[]) => run(process.execPath, args, { cwd: root });
  const loadProgram = () => seconds(() => node("bench/deploy/load-program.ts"));
  const { stdout } = await node("bench/deploy/load-program.ts");
  const { resources, typeChecker }: { resources: number; typeChecker: boolean } = JSON.parse(stdout);

  const load = await alternate(7, loadProgram, () => seconds(() => node("-e", "0")));
  row("program load", `${median(load.a).toFixed(2)} s`);
  row("  of it starting Node", `${median(load.b).toFixed(2)} s`);
  row("  of it type checking", typeChecker ? "ts-node" : "none (ts-node is not loaded)", "goal none");

  const project = new Project();
  const stack = await TestStack.create(project, "dev", "bench");
  try {
    await stack.mustUp(); // builds the images
    const inspect = async () => {
      for (let count = 0; count < resources; count++) await stack.container("app").inspect();
    };
    const noOp = await alternate(
      7,
      () => seconds(() => stack.mustUp("--expect-no-changes")),
      async () => (await loadProgram()) + (await seconds(inspect)),
    );
    row("no-op up", `${median(noOp.a).toFixed(2)} s`);
    row(`no-op up / (program load + ${resources} engine inspects)`, ratio(noOp), "goal <= 2.0");

    const recording = await record(stack);
    const empty = async () => {
      const destroyed = await stack.destroy();
      if (destroyed.code !== 0) throw new Error(destroyed.text);
    };
    await empty();
    const first = await alternate(
      5,
      async () => {
        const taken = await seconds(() => stack.mustUp());
        await empty();
        return taken;
      },
      async () => {
        const taken = await seconds(() => deployRaw(stack.name, recording));
        await removeStackByLabel(stack.name);
        return taken;
      },
    );
    row("first up, warm images", `${median(first.a).toFixed(2)} s`);
    row("the same by raw Docker API calls", `${median(first.b).toFixed(2)} s`);
    row("first up / raw calls", ratio(first), "goal <= 1.5");
  } finally {
    await stack.sweep();
    project.remove();
  }
}
