import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import Docker from "dockerode";
import { extract, pack } from "tar-stream";
import { freePort } from "../../support/free-port.ts";

/** A volume and, when started, the container that reads it; all with names of this test run. */
export interface Place {
  readonly volumeName: string;
  readonly containerName: string;
  /** Free port of 127.0.0.1 for the container to publish. */
  readonly hostPort: number;
  /**
   * Starts the container with the volume read-only at /etc/poolkit.
   * @param dataPath where the container keeps data that a restart must find again
   */
  start(image: string, containerPort: number, dataPath?: string): Promise<Docker.Container>;
  /** Content of the files in the volume, with owner and mode. */
  files(): Promise<Record<string, { content: string; owner: string; mode: string }>>;
  /** Changes a file as a person with root rights would; its owner can still read it. */
  edit(name: string, content: string, owner?: number): Promise<void>;
  /** Names of containers that mount the volume or carry its name. */
  leftovers(): Promise<string[]>;
  remove(): Promise<void>;
}

/** Makes the volume; call `remove()` in `finally` or `afterAll`. */
export async function makePlace(): Promise<Place> {
  const docker = new Docker();
  const base = `poolkit-test-${randomBytes(4).toString("hex")}`;
  const [volumeName, containerName] = [`${base}-config`, base];
  await docker.createVolume({ Name: volumeName, Labels: { "poolkit.test": "place" } });
  const hostPort = await freePort();
  const containers = () => docker.listContainers({ all: true, filters: { volume: [volumeName] } });

  const withHelper = async <T>(use: (helper: Docker.Container) => Promise<T>): Promise<T> => {
    const helper = await docker.createContainer({
      Image: process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim",
      Cmd: ["x"],
      HostConfig: { Binds: [`${volumeName}:/files`] },
    });
    try {
      return await use(helper);
    } finally {
      await helper.remove({ force: true });
    }
  };

  return {
    volumeName,
    containerName,
    hostPort,
    async start(image, containerPort, dataPath) {
      const port = `${containerPort}/tcp`;
      const container = await docker.createContainer({
        name: containerName,
        Image: image,
        ExposedPorts: { [port]: {} },
        // An anonymous volume: removed with the container.
        ...(dataPath === undefined ? {} : { Volumes: { [dataPath]: {} } }),
        HostConfig: {
          Binds: [`${volumeName}:/etc/poolkit:ro`],
          PortBindings: { [port]: [{ HostIp: "127.0.0.1", HostPort: String(hostPort) }] },
        },
      });
      await container.start();
      return container;
    },
    files: () =>
      withHelper(async (helper) => {
        const archive = extract();
        archive.end(await buffer(await helper.getArchive({ path: "/files/." })));
        const found: [string, { content: string; owner: string; mode: string }][] = [];
        for await (const entry of archive) {
          const content = (await buffer(entry)).toString("utf8");
          const { name, type, uid, gid, mode = 0 } = entry.header;
          const file = { content, owner: `${uid}:${gid}`, mode: (mode & 0o777).toString(8) };
          if (type === "file") found.push([name.replace(/^(\.|files)?\//, ""), file]);
        }
        return Object.fromEntries(found);
      }),
    edit: (name, content, owner = 65532) =>
      withHelper(async (helper) => {
        const archive = pack();
        archive.entry({ name, uid: owner, gid: owner, mode: 0o400, mtime: new Date() }, content);
        archive.finalize();
        await helper.putArchive(await buffer(archive), { path: "/files" });
      }),
    leftovers: async () =>
      (await containers()).flatMap(({ Names }) => Names).filter((name) => name !== `/${containerName}`),
    async remove() {
      for (const { Id } of await containers()) await docker.getContainer(Id).remove({ force: true, v: true });
      await docker.getVolume(volumeName).remove();
    },
  };
}
