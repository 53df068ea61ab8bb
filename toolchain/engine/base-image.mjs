// @ts-check

import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readIfPresent } from "../lib/files.mjs";
import { SetupProblem } from "../lib/problem.mjs";
import { lastLines, start } from "../lib/processes.mjs";
import { request, textOf } from "./api.mjs";
import { aptInstall } from "./apt.mjs";
import { debianMirror } from "./debian-mirror.mjs";
import { whyNotInstallable } from "./install.mjs";
import { pullImage } from "./pull.mjs";

/** @typedef {import("./locate.mjs").EngineAddress} EngineAddress */

/** The image that the kit's own images are built on: it carries PgBouncer 1.26.1, PostgreSQL 18 and Node 24. */
const DEFAULT_IMAGE = "debian:forky-slim";
const ANSWER_LIMIT_MS = 30_000;
const IMPORT_LIMIT_MS = 300_000;

/**
 * Sees to it that the engine has the base image: present, else pulled, else built from the Debian archive.
 * @param {{ address: EngineAddress, env: NodeJS.ProcessEnv, onLong: (text: string) => void }} context
 */
export async function findBaseImage({ address, env, onLong }) {
  const image = env.POOLKIT_BASE_IMAGE || DEFAULT_IMAGE;
  if (await isPresent(address, image)) return { how: `${image} (present)`, changed: false, value: image };
  onLong(`pulling ${image}`);
  const refused = await pullImage(address, image);
  if (!refused) return { how: `${image} (pulled)`, changed: true, value: image };

  const suite = /^debian:([a-z]+)(?:-slim)?$/.exec(image)?.[1];
  const notBuildable = suite
    ? whyNotBuildable(env)
    : "only debian:<suite> images can be built without a registry";
  if (!suite || notBuildable) {
    throw new SetupProblem("BASE_IMAGE_ABSENT", {
      what: `the base image ${image} is not here and could not be pulled`,
      found: `${refused}; building it: ${notBuildable}`,
      fix: `bring it to the engine (docker pull ${image}, or docker load), or name another Debian image in POOLKIT_BASE_IMAGE`,
    });
  }
  await buildImage({ address, image, suite, onLong });
  return { how: `${image} (built by mmdebstrap; no registry in reach)`, changed: true, value: image };
}

/**
 * @param {EngineAddress} address
 * @param {string} image
 */
async function isPresent(address, image) {
  const path = `/images/${encodeURIComponent(image)}/json`;
  const response = await request(address, "GET", path, { timeoutMs: ANSWER_LIMIT_MS });
  await textOf(response);
  return response.statusCode === 200;
}

/** @param {NodeJS.ProcessEnv} env */
function whyNotBuildable(env) {
  return existsSync("/usr/bin/mmdebstrap")
    ? undefined
    : whyNotInstallable(env) && "mmdebstrap is not installed";
}

/**
 * A minimal Debian of the suite, straight from the archive that this machine uses into the engine: no file lies
 * around, and an interrupted import leaves no image. Documentation and package lists stay out; apt's rule for it
 * stays in, so what is installed on top is small too.
 * @param {{ address: EngineAddress, image: string, suite: string, onLong: (text: string) => void }} context
 */
async function buildImage({ address, image, suite, onLong }) {
  if (!existsSync("/usr/bin/mmdebstrap")) {
    onLong("apt-get install mmdebstrap, to build the base image");
    await aptInstall(["mmdebstrap"]);
  }
  const mirror = process.env.POOLKIT_DEBIAN_MIRROR ?? debianMirror(aptSources());
  if (mirror === undefined) {
    throw new SetupProblem("BASE_IMAGE_NO_ARCHIVE", {
      what: `${image} cannot be built: no Debian archive is known`,
      found: "none in apt's sources of this machine",
      fix: "set POOLKIT_DEBIAN_MIRROR to the address of a Debian archive, or bring the image: docker load",
    });
  }
  onLong(`no registry in reach: building ${image} from the Debian archive (20 to 40 s)`);
  const builder = start("mmdebstrap", [
    "--variant=minbase",
    "--include=ca-certificates",
    '--aptopt=Acquire::Check-Valid-Until "false"', // a suite in testing on a mirror that lags
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    suite,
    "-", // the archive to standard output
    mirror,
  ]);
  let messages = "";
  builder.stderr.setEncoding("utf8").on("data", (text) => {
    messages = (messages + text).slice(-8_192);
  });
  const ended = once(builder, "close").catch((error) => [error.message]);
  const [repository = image, tag = "latest"] = image.split(":");
  const changes = [
    'CMD ["bash"]',
    'LABEL org.opencontainers.image.title="Debian, built by Poolkit with mmdebstrap"',
  ];
  const query = new URLSearchParams([
    ["fromSrc", "-"],
    ["repo", `${repository}-poolkit-partial`],
    ["tag", tag],
  ]);
  for (const change of changes) query.append("changes", change);
  const response = await request(address, "POST", `/images/create?${query}`, {
    timeoutMs: IMPORT_LIMIT_MS,
    body: builder.stdout,
  });
  const answer = await textOf(response);
  const [code] = await ended;
  const partial = `${repository}-poolkit-partial:${tag}`;
  const complete = code === 0 && response.statusCode === 200 && !answer.includes('"error"');
  if (complete) await rename(address, partial, repository, tag);
  else await remove(address, partial);
  if (!complete) {
    throw new SetupProblem("BASE_IMAGE_NOT_BUILT", {
      what: `building ${image} from ${mirror} failed`,
      found: lastLines(code === 0 ? answer : messages),
      fix: `check that the archive has the suite "${suite}" and is in reach, or name another image in POOLKIT_BASE_IMAGE`,
    });
  }
}

/**
 * The engine imports whatever arrives, also half an archive of a builder that failed: only a complete image gets
 * the name that everybody uses.
 * @param {EngineAddress} address
 * @param {string} from
 * @param {string} repository
 * @param {string} tag
 */
async function rename(address, from, repository, tag) {
  const query = new URLSearchParams({ repo: repository, tag });
  const path = `/images/${encodeURIComponent(from)}/tag?${query}`;
  await textOf(await request(address, "POST", path, { timeoutMs: ANSWER_LIMIT_MS }));
  await remove(address, from);
}

/**
 * @param {EngineAddress} address
 * @param {string} image
 */
async function remove(address, image) {
  const path = `/images/${encodeURIComponent(image)}`;
  await textOf(await request(address, "DELETE", path, { timeoutMs: ANSWER_LIMIT_MS }));
}

function aptSources() {
  const parts = "/etc/apt/sources.list.d";
  const files = existsSync(parts)
    ? readdirSync(parts)
        .sort()
        .map((name) => join(parts, name))
    : [];
  return ["/etc/apt/sources.list", ...files].map((file) => readIfPresent(file) ?? "");
}
