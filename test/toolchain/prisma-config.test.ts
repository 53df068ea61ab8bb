import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const URL_TEXT = "postgres://owner:pw@127.0.0.1:5432/poolkit";
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "poolkit-prisma-"));
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** What Prisma's CLI gets with these variables. */
async function configWith(direct: string | undefined, file: string | undefined) {
  vi.stubEnv("DIRECT_URL", direct);
  vi.stubEnv("DIRECT_URL_FILE", file);
  return (await import("../../prisma.config.ts")).default;
}

describe("prisma.config.ts", () => {
  it("takes DIRECT_URL", async () => {
    expect((await configWith(URL_TEXT, undefined)).datasource).toEqual({ url: URL_TEXT });
  });

  it("takes the file that DIRECT_URL_FILE names", async () => {
    const file = path.join(folder, "direct-url");
    writeFileSync(file, `${URL_TEXT}\n`);
    expect((await configWith("", file)).datasource).toEqual({ url: URL_TEXT });
  });

  it.each([undefined, ""])("has no URL where neither is set (%j)", async (unset) => {
    expect((await configWith(unset, unset)).datasource).toBeUndefined();
  });

  it("refuses both at once, and a file that is not there, without a URL in the message", async () => {
    await expect(configWith(URL_TEXT, "/x")).rejects.toThrow(/^DIRECT_URL: set in two ways/);
    vi.resetModules();
    await expect(configWith(undefined, path.join(folder, "absent"))).rejects.toThrow(
      /DIRECT_URL_FILE: cannot read/,
    );
  });
});
