import { describe, expect, it } from "vitest";
import { findNpm, npmErrors } from "../../toolchain/lib/npm.mjs";
import { packagesMatch } from "../../toolchain/packages.mjs";

const locked = {
  "": { version: "0.1.0" },
  "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
  "node_modules/b": { version: "2.0.0", integrity: "sha512-b" },
  "node_modules/b-other-os": { version: "2.0.0", integrity: "sha512-o", optional: true },
};
const installed = {
  "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
  "node_modules/b": { version: "2.0.0", integrity: "sha512-b" },
};

describe("packagesMatch", () => {
  it.each([
    ["the same", installed, true],
    [
      "an optional package too",
      { ...installed, "node_modules/b-other-os": locked["node_modules/b-other-os"] },
      true,
    ],
    ["one missing", { "node_modules/a": installed["node_modules/a"] }, false],
    [
      "another version",
      { ...installed, "node_modules/b": { version: "2.0.1", integrity: "sha512-b" } },
      false,
    ],
    [
      "other contents",
      { ...installed, "node_modules/b": { version: "2.0.0", integrity: "sha512-x" } },
      false,
    ],
    ["one too many", { ...installed, "node_modules/c": { version: "1.0.0" } }, false],
    ["nothing", {}, false],
  ])("%s", (_name, present, expected) => {
    expect(packagesMatch(locked, present)).toBe(expected);
  });
});

describe("packagesMatch on a system of its own", () => {
  const binaries = {
    "node_modules/x-linux": { version: "1.0.0", optional: true, os: ["linux"], cpu: ["x64"] },
    "node_modules/x-mac": { version: "1.0.0", optional: true, os: ["darwin"], cpu: ["arm64"] },
    "node_modules/x-musl": {
      version: "1.0.0",
      optional: true,
      os: ["linux"],
      cpu: ["x64"],
      libc: ["musl"],
    },
    "node_modules/x-anywhere": { version: "1.0.0", optional: true },
  };
  const mac = { "node_modules/x-mac": binaries["node_modules/x-mac"] };

  it("misses the binaries for it, and no others", () => {
    expect(packagesMatch(binaries, mac, { os: "darwin", cpu: "arm64" })).toBe(true);
    expect(packagesMatch(binaries, mac, { os: "linux", cpu: "x64" })).toBe(false);
    expect(packagesMatch(binaries, {}, { os: "win32", cpu: "x64" })).toBe(true);
  });
});

describe("findNpm", () => {
  it.each([
    [{}, "npm"],
    [{ npm_execpath: "/nonexistent/npm-cli.js" }, "npm"],
    [{ npm_execpath: "/opt/yarn/bin/yarn.js" }, "npm"],
  ])("falls back to npm on PATH: %j", (env, command) => {
    expect(findNpm(env)).toEqual({ command, args: [] });
  });
});

describe("npmErrors", () => {
  it("keeps what is wrong and leaves out hints and usage", () => {
    const output =
      "npm warn old\nnpm error code EUSAGE\nnpm error\nnpm error not in sync\nnpm error Usage:\nmore";
    expect(npmErrors(output)).toBe("npm error code EUSAGE\nnpm error not in sync\nnpm error Usage:");
  });

  it("shows the end of an output that has no errors of npm's", () => {
    expect(npmErrors("spawn npm ENOENT")).toBe("spawn npm ENOENT");
  });
});
