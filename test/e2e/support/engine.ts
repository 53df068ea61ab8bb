import Docker from "dockerode";

/** The engine that the tests deploy to: DOCKER_HOST or the default socket, as set-up found it. */
export const engine = new Docker();

const ofStack = (stack: string) => ({ filters: { label: [`poolkit.stack=${stack}`] } });

/** Names of everything of a stack that exists on the engine. */
export async function resourcesOf(stack: string): Promise<string[]> {
  const [containers, networks, volumes] = await Promise.all([
    engine.listContainers({ all: true, ...ofStack(stack) }),
    engine.listNetworks(ofStack(stack)),
    engine.listVolumes(ofStack(stack)),
  ]);
  return [
    ...containers.flatMap(({ Names }) => Names.map((name) => `container ${name.slice(1)}`)),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...volumes.Volumes.map(({ Name }) => `volume ${Name}`),
  ].sort();
}

export async function removeStackByLabel(stack: string): Promise<void> {
  for (const { Id } of await engine.listContainers({ all: true, ...ofStack(stack) })) {
    await engine.getContainer(Id).remove({ force: true, v: true });
  }
  for (const { Id } of await engine.listNetworks(ofStack(stack))) {
    await engine.getNetwork(Id).remove();
  }
  for (const { Name } of (await engine.listVolumes(ofStack(stack))).Volumes) {
    await engine.getVolume(Name).remove({ force: true });
  }
}
