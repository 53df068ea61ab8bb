import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import type { Problem } from "../pgbouncer/values.ts";

/**
 * What to tell where the engine is on another machine. Containers publish their ports on the engine's 127.0.0.1, and
 * everything that deploys and asks connects to this machine's: a deployment would wait for a Postgres that is well.
 * @param dockerHost as in DOCKER_HOST
 */
export async function placeProblems(
  dockerHost: string | undefined,
  portsForwarded: boolean,
): Promise<Problem[]> {
  const host = hostIn(dockerHost);
  if (portsForwarded || host === undefined || (await isThisMachine(host))) return [];
  return [
    {
      path: "docker:host",
      found: `an engine on another machine, ${host}: what it publishes on 127.0.0.1 is not on this one's`,
      allowed: "an engine on this machine, or one whose ports are forwarded here",
      fix: "run this on the engine's machine; or forward poolkit:ports to 127.0.0.1 here and say so: pulumi config set poolkit:enginePortsForwarded true",
    },
  ];
}

/** The host of an address as the engine's client reads it; undefined for sockets and pipes, which are local. */
function hostIn(dockerHost = ""): string | undefined {
  if (dockerHost === "" || /^(unix|npipe):/.test(dockerHost)) return undefined;
  const url = URL.parse(dockerHost.includes("//") ? dockerHost : `tcp://${dockerHost}`);
  return url?.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** An alias of ssh's own configuration has no address and counts as another machine. */
async function isThisMachine(host: string): Promise<boolean> {
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.map(({ address }) => address),
  );
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.some(({ address }) => /^(127\.|0\.0\.0\.0$|::1?$)/.test(address) || own.includes(address));
}
