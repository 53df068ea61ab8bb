import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** npm that installs one package, which prints what it is asked for; it waits first where $WAITS says so. */
const npm = `#!/bin/sh
if [ -n "$WAITS" ]; then echo started > "$WAITS"; exec sleep 30; fi
if [ -n "$TELLS_HOME" ]; then echo "$HOME" > "$TELLS_HOME"; fi
mkdir -p node_modules/vitest
echo 'console.log("tests:", ...process.argv.slice(2));' > node_modules/vitest/vitest.mjs
echo '{"packages":{"node_modules/vitest":{"version":"1.0.0"}}}' > node_modules/.package-lock.json
`;

/** A checkout with the real set-up, one package and nothing to generate. */
describe.skipIf(process.platform === "win32")("set-up that Ctrl-C ends", () => {
  const root = mkdtempSync(join(tmpdir(), "poolkit-set-up-"));
  const inRoot = (...path: string[]) => join(root, ...path);

  beforeAll(() => {
    cpSync(join(import.meta.dirname, "../../toolchain"), inRoot("toolchain"), { recursive: true });
    mkdirSync(inRoot("app"));
    mkdirSync(inRoot("bin"));
    writeFileSync(inRoot("app/build.mjs"), "");
    writeFileSync(inRoot("package.json"), JSON.stringify({ engines: { node: ">=24.12" } }));
    const packages = { "": {}, "node_modules/vitest": { version: "1.0.0" } };
    writeFileSync(inRoot("package-lock.json"), JSON.stringify({ packages }));
    writeFileSync(inRoot("bin/npm"), npm);
    chmodSync(inRoot("bin/npm"), 0o755);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  function start(env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [inRoot("toolchain/main.mjs"), "vitest", "run"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PATH: `${inRoot("bin")}${delimiter}${process.env.PATH}`,
        XDG_CACHE_HOME: inRoot("cache"),
        npm_execpath: undefined,
        POOLKIT_CHECKOUT: undefined,
        ...env,
      },
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => {
      output.stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      output.stderr += chunk.toString();
    });
    const ended = once(child, "close").then(([code]) => ({ code, ...output }));
    return { child, ended };
  }

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "%s ends what is under way, leaves nothing half done and says how to go on",
    async (signal, code) => {
      const waits = inRoot(`waits-${signal}`);
      const { child, ended } = start({ WAITS: waits });
      await expect.poll(() => existsSync(waits), { timeout: 10_000 }).toBe(true);
      expect(readdirSync(inRoot(".poolkit"))).toContain("setup.lock");
      child.kill(signal);
      const { stderr, ...rest } = await ended;
      expect(rest).toEqual({ code, stdout: "" });
      expect(stderr).toMatch(/\nset-up interrupted; the next start goes on from here\n$/);
      expect(readdirSync(inRoot(".poolkit"))).toEqual([]);
      expect(existsSync(inRoot("node_modules"))).toBe(false);
    },
  );

  it("goes on at the next start, and has nothing to do at the one after", async () => {
    const next = await start().ended;
    expect(next).toMatchObject({ code: 0, stdout: "tests: run\n" });
    expect(readFileSync(inRoot("node_modules/.package-lock.json"), "utf8")).toContain("vitest");
    expect(await start({ WAITS: inRoot("never") }).ended).toEqual({
      code: 0,
      stdout: "tests: run\n",
      stderr: "",
    });
    expect(readdirSync(inRoot(".poolkit"))).toEqual([]);
  });

  it("removes what an npm wrote that had outlived its set-up, also with nothing else to do", async () => {
    mkdirSync(inRoot(".poolkit/packages.tmp-9-abcd/node_modules"), { recursive: true });
    expect(await start({ WAITS: inRoot("never") }).ended).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(inRoot(".poolkit"))).toEqual([]);
  });

  it("gives what it starts the home of the system's own user where HOME is empty", async () => {
    rmSync(inRoot("node_modules"), { recursive: true });
    const told = inRoot("home");
    expect(await start({ HOME: "", TELLS_HOME: told }).ended).toMatchObject({ code: 0 });
    expect(readFileSync(told, "utf8")).toBe(`${userInfo().homedir}\n`);
  });

  it("says in one message where it cannot write and what to do", async () => {
    rmSync(inRoot(".poolkit"), { recursive: true, force: true });
    writeFileSync(inRoot(".poolkit"), "");
    const { code, stderr } = await start().ended;
    expect(code).toBe(1);
    expect(stderr).toContain("error: set-up cannot write its files [NOT_WRITABLE]");
    expect(stderr).toContain(inRoot(".poolkit"));
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
