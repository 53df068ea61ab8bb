import Docker from "dockerode";
import { projectImage } from "../provider/support/images.ts";
import { textArchive } from "./docker-image.ts";

const docker = new Docker();

/** Prometheus' own checker, built once from the project's Dockerfile. */
function image(): Promise<string> {
  return projectImage("observability/image", "promtool");
}

/** What promtool is given besides its arguments. */
export interface PromtoolInput {
  /** Files of its working directory, by name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** Runs promtool in a container without network; resolves with its exit code and everything it said. */
export async function promtool(args: readonly string[], { files = {}, stdin = "" }: PromtoolInput) {
  const container = await docker.createContainer({
    Image: await image(),
    Cmd: [...args],
    WorkingDir: "/tmp",
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: { NetworkMode: "none" },
  });
  try {
    await container.putArchive(await textArchive(files), { path: "/tmp" });
    const input = await container.attach({ stream: true, stdin: true, hijack: true });
    await container.start();
    input.end(stdin);
    const { StatusCode } = await container.wait();
    return { code: StatusCode, text: (await container.logs({ stdout: true, stderr: true })).toString() };
  } finally {
    await container.remove({ force: true });
  }
}
