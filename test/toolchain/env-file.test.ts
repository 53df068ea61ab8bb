import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type EnvironmentFacts, quote, renderEnvFile } from "../../toolchain/workspace/env-file.mjs";

const BASE_PATH = "/usr/bin:/bin";
const SHELLS = ["/bin/dash", "/bin/bash", "/bin/zsh", "/usr/bin/zsh"].filter((path) => existsSync(path));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "poolkit env-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A checkout with its rendered file. */
function checkout(name: string, facts: Partial<EnvironmentFacts> = {}): string {
  const root = join(folder, name);
  mkdirSync(join(root, ".poolkit/pulumi-home"), { recursive: true });
  const text = renderEnvFile({ root, closedNetwork: false, engine: undefined, ...facts });
  writeFileSync(join(root, ".poolkit/env"), text);
  return root;
}

/** The environment of a real shell after it has sourced these checkouts' files, in this order. */
function source(
  roots: string[],
  env: Record<string, string> = {},
  shell = "/bin/sh",
): Record<string, string> {
  const script = `set -eu; ${roots.map((root) => `. ${quote(join(root, ".poolkit/env"))}`).join("; ")}; env -0`;
  const done = spawnSync(shell, ["-c", script], {
    env: { PATH: BASE_PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"], // bash takes a socket for a remote login and reads ~/.bashrc
    encoding: "utf8",
  });
  expect(done.stderr).toBe("");
  expect(done.status).toBe(0);
  return Object.fromEntries(
    done.stdout
      .split("\0")
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

describe("the environment file", () => {
  it.each(["plain", "with space", 'it\'s "quoted"', "$HOME `id` \\n *", "ünïcode"])(
    "names a checkout at %j",
    (name) => {
      const root = checkout(name);
      const env = source([root]);
      expect(env.PULUMI_HOME).toBe(join(root, ".poolkit/pulumi-home"));
      expect(env.PULUMI_CONFIG_PASSPHRASE_FILE).toBe(join(root, ".poolkit/passphrase"));
      expect(env.PATH).toBe(`${join(root, ".poolkit/bin")}:${BASE_PATH}`);
      expect(decodeURIComponent(new URL(env.PULUMI_BACKEND_URL ?? "").pathname)).toBe(
        join(root, ".poolkit/state"),
      );
    },
  );

  it.each(SHELLS)("means the same twice as once in %s", (shell) => {
    const root = checkout("twice");
    expect(source([root, root], {}, shell)).toMatchObject(source([root], {}, shell));
  });

  it("leaves what the user has chosen", () => {
    const chosen = {
      PULUMI_BACKEND_URL: "s3://state",
      PULUMI_CONFIG_PASSPHRASE: "",
      DOCKER_HOST: "tcp://10.0.0.1:2376",
    };
    const root = checkout("own", { engine: { host: "unix:///run/user/1000/docker.sock" } });
    const env = source([root], chosen);
    expect(env).toMatchObject(chosen);
    expect(env).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE_FILE");
  });

  it("keeps a passphrase file of the user's", () => {
    const env = source([checkout("own")], { PULUMI_CONFIG_PASSPHRASE_FILE: "/secret" });
    expect(env.PULUMI_CONFIG_PASSPHRASE_FILE).toBe("/secret");
  });

  it("does not take another checkout's values for the user's", () => {
    const [first, second] = [checkout("first"), checkout("second")];
    const env = source([first, second]);
    expect(env.PULUMI_BACKEND_URL).toContain("/second/");
    expect(env.PULUMI_CONFIG_PASSPHRASE_FILE).toContain("/second/");
    expect(env.PATH?.startsWith(join(second, ".poolkit/bin"))).toBe(true);
    // And back again: the programs of one checkout must not meet the stacks of another.
    const again = source([first, second, first]);
    expect(again.PULUMI_BACKEND_URL).toContain("/first/");
    expect(again.PATH?.startsWith(join(first, ".poolkit/bin"))).toBe(true);
  });

  it("leaves the backend to a login of this checkout", () => {
    const root = checkout("login");
    const credentials = join(root, ".poolkit/pulumi-home/credentials.json");
    writeFileSync(credentials, '{\n    "current": "https://api.pulumi.com",\n    "accounts": {}\n}');
    expect(source([root])).not.toHaveProperty("PULUMI_BACKEND_URL");
    writeFileSync(credentials, '{\n    "current": "",\n    "accounts": {}\n}');
    expect(source([root])).toHaveProperty("PULUMI_BACKEND_URL");
  });

  it("names the engine that docker's clients would not find", () => {
    const engine = { host: "tcp://engine.example:2376", certificates: "/a b/tls" };
    expect(source([checkout("tls", { engine })])).toMatchObject({
      DOCKER_HOST: engine.host,
      DOCKER_TLS_VERIFY: "1",
      DOCKER_CERT_PATH: "/a b/tls",
    });
  });

  it("forgets the engine that it had named when it names none any more", () => {
    const before = checkout("with engine", {
      engine: { host: "tcp://engine.example:2376", certificates: "/tls" },
    });
    const env = source([before, checkout("without engine")]);
    expect(Object.keys(env).filter((name) => name.includes("DOCKER"))).toEqual([]);
    expect(source([checkout("own engine")], { DOCKER_HOST: "tcp://mine:1" })).toHaveProperty(
      "DOCKER_HOST",
      "tcp://mine:1",
    );
  });

  it("keeps Pulumi from looking anything up in a closed network, and only there", () => {
    expect(source([checkout("closed", { closedNetwork: true })])).toMatchObject({
      PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    });
    expect(source([checkout("open")])).not.toHaveProperty("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION");
  });
});
