import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cacheEntry, cacheFolder, cacheKey } from "../../toolchain/lib/cache.mjs";
import { withLock } from "../../toolchain/lib/lock.mjs";
import { SetupProblem } from "../../toolchain/lib/problem.mjs";

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "poolkit-cache-"));
});
afterEach(() => {
  rmSync(cache, { recursive: true, force: true });
});

describe("cacheFolder", () => {
  it.each([
    [{ XDG_CACHE_HOME: "/x", HOME: "/home/a" }, "/x/poolkit"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/home/a" }, "/home/a/.cache/poolkit"],
    [{ XDG_CACHE_HOME: "", HOME: "/home/a" }, "/home/a/.cache/poolkit"],
    [{ HOME: "/home/a" }, "/home/a/.cache/poolkit"],
    [{ HOME: "" }, "/home/system/.cache/poolkit"],
    [{ HOME: "relative" }, "/home/system/.cache/poolkit"],
    [{}, "/home/system/.cache/poolkit"],
  ])("%j", (env, expected) => {
    expect(cacheFolder(env, () => "/home/system")).toBe(expected);
  });

  it("is the home of the system's own user where HOME is empty, never a folder of the checkout", () => {
    expect(cacheFolder({ HOME: "" })).toBe(join(userInfo().homedir, ".cache/poolkit"));
  });

  it.each([
    [
      "does not know the user",
      () => {
        throw new Error("uv_os_get_passwd returned ENOENT");
      },
    ],
    ["knows no home", () => ""],
  ])("has one clear error where the system %s", (_what, ofSystem) => {
    expect(() => cacheFolder({ HOME: "" }, ofSystem)).toThrow(SetupProblem);
    expect(cacheFolder({ HOME: "", XDG_CACHE_HOME: "/x" }, ofSystem)).toBe("/x/poolkit");
  });
});

describe("cacheKey", () => {
  it("does not depend on the order of the ingredients", () => {
    expect(cacheKey("p", { a: "1", b: "2" })).toBe(cacheKey("p", { b: "2", a: "1" }));
  });

  it.each([
    [{ a: "12" }, { a: "1", "2": "" }],
    [{ ab: "c" }, { a: "bc" }],
    [{ a: "1" }, { a: "2" }],
    [{}, { a: "" }],
  ])("tells %j from %j", (one, other) => {
    expect(cacheKey("p", one)).not.toBe(cacheKey("p", other));
  });
});

describe("cacheEntry", () => {
  const build = (text: string) => async (folder: string) => writeFileSync(join(folder, "file"), text);

  it("builds once and then finds it", async () => {
    const first = await cacheEntry(cache, "part-1", build("one"));
    const second = await cacheEntry(cache, "part-1", build("two"));
    expect([first.built, second.built]).toEqual([true, false]);
    expect(readFileSync(join(second.folder, "file"), "utf8")).toBe("one");
  });

  it("leaves nothing of a build that failed, and builds again", async () => {
    const failing = cacheEntry(cache, "part-1", async (folder) => {
      writeFileSync(join(folder, "half"), "");
      throw new Error("no space left");
    });
    await expect(failing).rejects.toThrow("no space left");
    expect(readdirSync(cache)).toEqual([]);
    expect((await cacheEntry(cache, "part-1", build("one"))).built).toBe(true);
  });

  it("removes what a killed set-up left behind, and nothing else", async () => {
    mkdirSync(join(cache, "part-1.tmp-9-abcd"));
    mkdirSync(join(cache, "part-12.tmp-9-abcd"));
    await cacheEntry(cache, "part-1", build("one"));
    expect(readdirSync(cache).sort()).toEqual(["part-1", "part-12.tmp-9-abcd"]);
  });

  it("removes what a program of a killed set-up wrote after that, unless another one builds", async () => {
    await cacheEntry(cache, "part-1", build("one"));
    const late = join(cache, "part-1.tmp-9-abcd");
    mkdirSync(late);
    writeFileSync(join(cache, "part-1.lock"), "4711\n");
    await cacheEntry(cache, "part-1", build("two"));
    expect(existsSync(late)).toBe(true);
    rmSync(join(cache, "part-1.lock"));
    await cacheEntry(cache, "part-1", build("two"));
    expect(existsSync(late)).toBe(false);
  });

  it("lets only one of two at the same time build", async () => {
    let builds = 0;
    const slow = async (folder: string) => {
      builds += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      writeFileSync(join(folder, "file"), "");
    };
    const entries = await Promise.all([cacheEntry(cache, "part-1", slow), cacheEntry(cache, "part-1", slow)]);
    expect(builds).toBe(1);
    expect(entries.map((entry) => entry.built).sort()).toEqual([false, true]);
  });
});

describe("withLock", () => {
  it("takes over the lock of a dead process and tells nobody to wait for long", async () => {
    const path = join(cache, "x.lock");
    writeFileSync(path, "4711\n");
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(path, longAgo, longAgo);
    await expect(withLock(path, {}, async () => "done")).resolves.toBe("done");
    expect(existsSync(path)).toBe(false);
  });

  it("says who holds it", async () => {
    const path = join(cache, "x.lock");
    const holders: string[] = [];
    const first = withLock(path, {}, () => new Promise((resolve) => setTimeout(resolve, 20)));
    await withLock(path, { onWait: (holder) => holders.push(holder) }, async () => undefined);
    await first;
    expect(holders).toEqual([`process ${process.pid}`]);
  });

  it("is free again after a failure", async () => {
    const path = join(cache, "x.lock");
    await expect(withLock(path, {}, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(existsSync(path)).toBe(false);
  });
});
