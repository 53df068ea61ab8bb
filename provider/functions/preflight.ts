import { statfs } from "node:fs/promises";
import { createServer } from "node:net";
import type Docker from "dockerode";
import { hasStatus } from "../engine/containers.ts";
import { messageOf, UserError } from "../model/errors.ts";
import type { Context } from "../model/resource.ts";
import { fits, integer, list, object, problemText, record, type Shaped, text } from "../model/shape.ts";
import type { PlainMap } from "../protocol/secrets.ts";

const args = object({
  stack: text(),
  ports: record(object({ port: integer(1, 65_535), container: text() })),
  containerNames: list(text()),
  baseImage: text(),
  images: record(integer(0, Number.MAX_SAFE_INTEGER)),
});
type Args = Shaped<typeof args>;

type Problem = { path: string; found: string; allowed: string; fix: string };

/** The first engine that the kit was tried with (its API is 1.41). */
const minimumEngine = [20, 10];

/** `poolkit:index:preflight`; see `preflight()` in provider/sdk. */
export async function preflight(given: PlainMap, context: Context): Promise<PlainMap> {
  if (!fits(args, given)) {
    throw new UserError(`preflight: ${args.problems(given, []).map(problemText).join("; ")}`);
  }
  let docker: Docker;
  let engineVersion: string;
  try {
    docker = await context.docker();
    engineVersion = (await docker.version()).Version;
  } catch (error) {
    return { problems: [unreachable(error)], engineVersion: "" };
  }
  const containers = await docker.listContainers({ all: true });
  const problems = await Promise.all([
    versionProblems(engineVersion),
    imageProblems(docker, given.baseImage),
    spaceProblems(docker, given),
    nameProblems(given, containers),
    portProblems(given, containers, isLocal(docker)),
  ]);
  return { problems: problems.flat(), engineVersion };
}

function unreachable(error: unknown): Problem {
  const fix = "start Docker Engine, or point DOCKER_HOST at one; then run this again";
  return { path: "docker", found: messageOf(error), allowed: "a Docker Engine that answers", fix };
}

function versionProblems(version: string): Problem[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [minimumMajor = 0, minimumMinor = 0] = minimumEngine;
  // Engines of distributions and clouds may call themselves otherwise; what is no number is not judged.
  if (Number.isNaN(major) || major > minimumMajor || (major === minimumMajor && minor >= minimumMinor))
    return [];
  const allowed = `${minimumEngine.join(".")} or newer`;
  return [{ path: "docker", found: `Docker Engine ${version}`, allowed, fix: "update Docker Engine" }];
}

async function imageProblems(docker: Docker, image: string): Promise<Problem[]> {
  if (await hasImage(docker, image)) return [];
  const fix = `docker pull ${image}, or \`npm run setup\`, which builds it where no registry is in reach`;
  return [
    { path: "poolkit:baseImage", found: `${image} is not on the engine`, allowed: "an image that is", fix },
  ];
}

/**
 * A disk that fills up in the middle of a build leaves an error of the builder's for every image. Asked only for images
 * that are missing, so that a full disk never keeps anybody from changing a setting.
 */
async function spaceProblems(docker: Docker, { images }: Args): Promise<Problem[]> {
  const needs = Object.entries(images).map(async ([image, megabytes]) =>
    (await hasImage(docker, image)) ? 0 : megabytes,
  );
  const neededMegabytes = (await Promise.all(needs)).reduce((sum, megabytes) => sum + megabytes, 0);
  if (neededMegabytes === 0 || !isLocal(docker)) return [];
  const { DockerRootDir: folder }: { DockerRootDir: string } = await docker.info();
  // Docker Desktop keeps its folder inside a virtual machine: what cannot be seen is not judged.
  const disk = await statfs(folder).catch(() => undefined);
  const freeMegabytes = disk === undefined ? Infinity : Math.floor((disk.bavail * disk.bsize) / 1e6);
  if (freeMegabytes >= neededMegabytes) return [];
  const found = `${freeMegabytes} MB free in ${folder}`;
  const fix = "make room (docker system df; docker image prune), then run this again";
  return [{ path: "docker", found, allowed: `at least ${neededMegabytes} MB to build images`, fix }];
}

async function hasImage(docker: Docker, image: string): Promise<boolean> {
  try {
    await docker.getImage(image).inspect();
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

/** Containers of another stack, or of nobody, under a name that this stack needs. */
function nameProblems(
  { stack, containerNames }: Args,
  containers: readonly Docker.ContainerInfo[],
): Problem[] {
  return containers.flatMap(({ Names, Labels, Id }): Problem[] => {
    const taken = containerNames.find((name) => Names.includes(`/${name}`));
    if (taken === undefined || Labels["poolkit.stack"] === stack) return [];
    const found = `a container ${taken} that is not part of stack ${stack}`;
    const fix = `remove it (docker rm -f ${Id.slice(0, 12)}) or use another stack name`;
    return [{ path: "stack", found, allowed: "a free name", fix }];
  });
}

async function portProblems(
  { stack, ports }: Args,
  containers: readonly Docker.ContainerInfo[],
  checkMachine: boolean,
): Promise<Problem[]> {
  const wanted = Object.entries(ports);
  const problems = wanted.map(async ([path, { port, container }]): Promise<Problem[]> => {
    const refused = (found: string, rest: Partial<Problem> = {}): Problem[] => {
      const fix = `pulumi config set --path ${path} <a free port>`;
      return [{ path, found: `${port}, ${found}`, allowed: "a free port", fix, ...rest }];
    };
    const twin = wanted.find(([other, same]) => other < path && same.port === port)?.[0];
    if (twin !== undefined) return refused(`as ${twin}`, { allowed: "a port of its own" });
    const owner = containers.find((one) => isInTheWay(one, port));
    if (owner === undefined) {
      return checkMachine && !(await isFree(port)) ? refused("used by a process of this machine") : [];
    }
    const name = owner.Names[0]?.slice(1) ?? owner.Id.slice(0, 12);
    if (owner.Labels["poolkit.stack"] !== stack) return refused(`published by ${name}`);
    if (name === container) return [];
    // The one that wants it is made while the other still runs: the engine would refuse it, with the former one gone.
    return refused(`published by ${name} until it has moved`, {
      fix: `first another port for ${name}, with a \`pulumi up\` of its own; then this one`,
    });
  });
  return (await Promise.all(problems)).flat();
}

/** Whether the container publishes the port where ours would be: TCP on 127.0.0.1, by itself or with all addresses. */
function isInTheWay({ Ports }: Docker.ContainerInfo, port: number): boolean {
  return Ports.some(
    ({ PublicPort, Type, IP }) =>
      PublicPort === port && Type === "tcp" && /^(127\.0\.0\.1|0\.0\.0\.0|)$/.test(IP ?? ""),
  );
}

/** Only a local engine shares its ports with this machine. */
function isLocal(docker: Docker): boolean {
  const modem: unknown = docker.modem;
  return (
    typeof modem === "object" && modem !== null && "socketPath" in modem && modem.socketPath !== undefined
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error) => done(!("code" in error && error.code === "EADDRINUSE")));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => done(true)));
  });
}
