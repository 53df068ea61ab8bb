import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { stackLabels } from "./volume.ts";

/** What differs between the kit's containers; everything else is the same hardened form for all of them. */
export interface ContainerArgs {
  readonly stack: string;
  /** Name on the engine. */
  readonly containerName: string;
  /** Host name inside the stack's network. */
  readonly alias: string;
  readonly image: pulumi.Input<string>;
  readonly network: pulumi.Input<string>;
  /** Port on 127.0.0.1 of the engine's machine; undefined = reachable inside the stack's network only. */
  readonly hostPort?: number;
  readonly port: number;
  readonly volumes: docker.types.input.ContainerVolume[];
  readonly envs?: string[];
  /** Arguments of the image's entry point. Change: a new container. */
  readonly command?: string[];
  /** Limit in MiB; swap is switched off. Change: live. */
  readonly memoryMegabytes: number;
  readonly sharedMemoryMegabytes?: number;
  readonly openFiles?: number;
  /** `uid:gid` in place of the image's own user. Change: a new container. */
  readonly user?: string;
  /** Further labels; a change makes a new container. */
  readonly labels?: Readonly<Record<string, pulumi.Input<string>>>;
  /** In place of the image's own; undefined = that of the image, which must name one (see RESTART_POLICY). */
  readonly stopSignal?: string;
  /** Must exceed the longest thing that the container drains. */
  readonly stopGraceSeconds: number;
}

/**
 * How long the engine waits between the stop signal and the kill when it stops a container by itself (`docker stop`, a
 * reboot of its machine); its own default is 10 s. One for all presets: a change of it makes a new container, and a preset
 * must change without one. It only bounds: who has ended is not waited for. A longer grace by
 * `poolkit:overrides.stopGraceSeconds` counts at a deploy, and by hand with `docker stop --time`.
 */
export const STOP_TIMEOUT_SECONDS = 90;

/**
 * The engine starts a container again that has ended by itself, and all of them after a reboot. Not `unless-stopped`: the
 * engine takes any signal that it is asked to send for a stop by hand (moby/moby#41302), so the first live change would
 * end that promise. With `always` it does so only for the stop signal, and where none is set for every signal.
 */
const RESTART_POLICY = "always";

/**
 * A container as CIS asks for it: no root, read-only root file system, no capabilities, no new privileges, bounded
 * memory and logs, published on loopback only. Stop signal and health check come from the image, so that no
 * change of theirs can be reported as done without being done (the docker provider updates them in state only).
 */
export function container(
  resourceName: string,
  args: ContainerArgs,
  opts: pulumi.CustomResourceOptions,
): docker.Container {
  return new docker.Container(
    resourceName,
    {
      name: args.containerName,
      image: args.image,
      networksAdvanced: [{ name: args.network, aliases: [args.alias] }],
      ports:
        args.hostPort === undefined
          ? undefined
          : [{ internal: args.port, external: args.hostPort, ip: "127.0.0.1", protocol: "tcp" }],
      volumes: args.volumes,
      envs: args.envs,
      command: args.command,
      user: args.user,
      memory: args.memoryMegabytes,
      // Left out, the engine sets twice the memory and every later run finds a difference.
      memorySwap: args.memoryMegabytes,
      shmSize: args.sharedMemoryMegabytes,
      ulimits:
        args.openFiles === undefined
          ? undefined
          : [{ name: "nofile", soft: args.openFiles, hard: args.openFiles }],
      readOnly: true,
      tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16m" },
      capabilities: { drops: ["ALL"] },
      securityOpts: ["no-new-privileges"],
      restart: RESTART_POLICY,
      logDriver: "json-file",
      logOpts: { "max-size": "10m", "max-file": "3" },
      labels: [
        ...stackLabels(args.stack),
        { label: "poolkit.component", value: args.alias },
        ...Object.entries(args.labels ?? {}).map(([label, value]) => ({ label, value })),
      ],
      // Left out, a delete kills at once instead of stopping.
      destroyGraceSeconds: args.stopGraceSeconds,
      stopSignal: args.stopSignal,
      stopTimeout: STOP_TIMEOUT_SECONDS,
    },
    {
      ...opts,
      // A container that could not be started would be reported as fine by the next up: replace it instead.
      replaceOnChanges: ["#initerror", "tmpfs"],
      deleteBeforeReplace: true,
    },
  );
}
