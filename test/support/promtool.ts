import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import Docker from "dockerode";
import { textArchive } from "./docker-image.ts";

const docker = new Docker();
const IMAGE = "poolkit-test-promtool";

/** Builds Prometheus' own checker from the project's Dockerfile; call it before the first use. */
export async function buildPromtool(): Promise<void> {
  const context = join(import.meta.dirname, "../../observability");
  const BASE_IMAGE = process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim";
  const stream = await docker.buildImage(
    { context, src: ["Dockerfile"] },
    { t: IMAGE, target: "promtool", forcerm: true, buildargs: { BASE_IMAGE } },
  );
  const said = (await buffer(stream)).toString();
  if (!said.includes("Successfully built")) throw new Error(`promtool could not be built:\n${said}`);
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
    Image: IMAGE,
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
