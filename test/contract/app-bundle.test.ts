import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const build = (...flags: string[]) =>
  execFileSync(process.execPath, ["app/build.mjs", ...flags], { cwd: root });
const bundles = ["app/dist/server.mjs", "app/dist/healthcheck.mjs"].map((file) => path.join(root, file));
const contents = () => bundles.map((file) => readFileSync(file, "utf8"));
const modified = () => bundles.map((file) => statSync(file).mtimeMs);

describe("the bundle", () => {
  let alone: string;

  beforeAll(() => {
    build();
    alone = mkdtempSync(path.join(tmpdir(), "poolkit-bundle-"));
    for (const file of bundles) cpSync(file, path.join(alone, path.basename(file)));
  });
  afterAll(() => rmSync(alone, { recursive: true, force: true }));

  /** Runs a bundle where no node_modules is near, as in the image. */
  const run = (file: string, env: Record<string, string>) =>
    spawnSync(process.execPath, [path.join(alone, file)], { env, cwd: alone, encoding: "utf8" });

  it("is left alone when nothing changed", () => {
    const before = modified();
    build();
    build("--generate-only");
    expect(modified()).toEqual(before);
  });

  it("can be read by the image's user, whatever umask it was made under", () => {
    rmSync(path.join(root, "app/dist/.hash"));
    const script = 'umask 077 && exec "$0" app/build.mjs';
    execFileSync("/bin/sh", ["-c", script, process.execPath], { cwd: root });
    expect(bundles.map((file) => statSync(file).mode & 0o777)).toEqual([0o644, 0o644]);
  });

  it("comes out byte for byte the same when it is made again", () => {
    const before = contents();
    rmSync(path.join(root, "app/dist/.hash"));
    build();
    expect(contents()).toEqual(before);
  });

  it("names its release by its own content", () => {
    expect(contents()[0]).toMatch(/"?releaseId"?: "[0-9a-f]{12}"/);
    expect(contents()[0]).not.toContain('"unbundled"');
  });

  it("holds no path of the machine that made it", () => {
    for (const text of contents()) expect(text.includes(root)).toBe(false);
  });

  it("starts without node_modules: it gets as far as its configuration", () => {
    const { status, stderr } = run("server.mjs", {});
    expect(status).toBe(78);
    expect(stderr.split("\n").filter(Boolean)).toEqual([
      "DATABASE_URL: not set; give the URL through PgBouncer, or its file as DATABASE_URL_FILE",
      "HEALTH_TOKEN: not set; give a random text of 256 bits, or its file as HEALTH_TOKEN_FILE",
      "API_TOKEN: not set; give a random text of 256 bits, or its file as API_TOKEN_FILE",
    ]);
  });

  it("has a health check that says no when nothing listens", () => {
    expect(run("healthcheck.mjs", { PORT: "1" })).toMatchObject({ status: 1, stdout: "", stderr: "" });
  });
});
