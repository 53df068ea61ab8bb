import { engineClient, enginePlace } from "./engine.ts";
import { capturePulumi } from "./pulumi.ts";
import { stackName } from "./stack-name.ts";
import { UserError } from "./user-error.ts";

const answerLimit = 5_000;

/**
 * For a stack of which the backend has nothing: its containers, volumes and network have the stack's name on the engine,
 * and one of another checkout or backend would be written into, while it runs, with the secrets of this one.
 * @throws UserError when the engine has containers of a stack of this name
 */
export async function refuseNamesake(stack: string): Promise<void> {
  const name = stackName(stack);
  const configured = await capturePulumi(["config", "get", "docker:host", "--stack", stack]);
  const host =
    configured.code === 0 && configured.stdout.trim() !== "" ? configured.stdout.trim() : undefined;
  // Where the engine does not answer, the program says so, with what else is wrong.
  const found = await containersOf(name, host).catch(() => []);
  if (found.length === 0) return;
  const label = `--filter label=poolkit.stack=${name}`;
  throw new UserError(
    [
      `the engine at ${enginePlace(host)} has a stack "${name}" that another checkout or backend made`,
      `  found    its containers (${found.join(", ")})`,
      "  allowed  one stack of a name on an engine: its volumes have the stack's name",
      "  fix      go on where it was made, or take another name: poolkit up -s <name>, with poolkit:ports of its own;",
      `           where nobody needs it or its data any more: docker rm -f ${found.join(" ")}; docker volume rm $(docker volume ls -q ${label}); docker network rm $(docker network ls -q ${label})`,
    ].join("\n"),
  );
}

/** Names of a stack's containers, without those through which a deployment writes files for a moment. */
async function containersOf(name: string, host: string | undefined): Promise<string[]> {
  const engine = engineClient(host, { timeout: answerLimit });
  const filters = { label: [`poolkit.stack=${name}`] };
  const containers = await engine.listContainers({ all: true, filters });
  return containers
    .filter(({ Labels }) => !Object.hasOwn(Labels, "poolkit.helper"))
    .map(({ Names, Id }) => Names[0]?.slice(1) ?? Id.slice(0, 12));
}
