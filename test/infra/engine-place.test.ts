import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { placeProblems } from "../../infra/engine-place.ts";

const ownAddress = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === "IPv4" && !one.internal)?.address;

describe("an engine is on this machine", () => {
  it.each([
    undefined,
    "",
    "unix:///var/run/docker.sock",
    "npipe:////./pipe/docker_engine",
    "tcp://127.0.0.1:2375",
    "127.0.0.1:2375",
    "https://localhost:2376",
    "tcp://[::1]:2375",
    "ssh://me@localhost",
    // As in `dockerd -H tcp://0.0.0.0:2375`.
    "tcp://0.0.0.0:2375",
    `tcp://${ownAddress ?? "127.0.0.2"}:2375`,
  ])("at %s", async (dockerHost) => {
    expect(await placeProblems(dockerHost, false)).toEqual([]);
  });
});

describe("an engine on another machine", () => {
  it.each([
    ["tcp://192.0.2.1:2375", "192.0.2.1"],
    ["192.0.2.1:2375", "192.0.2.1"],
    ["https://[2001:db8::1]:2376", "2001:db8::1"],
    ["ssh://me@elsewhere.invalid", "elsewhere.invalid"],
  ])("at %s is refused unless its ports are forwarded", async (dockerHost, host) => {
    expect(await placeProblems(dockerHost, true)).toEqual([]);
    expect(await placeProblems(dockerHost, false)).toMatchObject([
      {
        path: "docker:host",
        found: expect.stringContaining(`another machine, ${host}:`),
        fix: expect.stringContaining("pulumi config set poolkit:enginePortsForwarded true"),
      },
    ]);
  });
});
