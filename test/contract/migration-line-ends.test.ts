import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

it.each(["true", "input", "false"])(
  "git leaves the bytes of migrations alone (core.autocrlf=%s): their checksums are in databases",
  (autocrlf) => {
    const directory = mkdtempSync(join(tmpdir(), "poolkit-line-ends-"));
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", `core.autocrlf=${autocrlf}`, ...args], { cwd: directory, stdio: "pipe" });
    const script = join(directory, "prisma/migrations/1_init/migration.sql");
    const content = "SELECT 1;\nSELECT 2;\r\n";
    try {
      copyFileSync(join(root, ".gitattributes"), join(directory, ".gitattributes"));
      mkdirSync(dirname(script), { recursive: true });
      writeFileSync(script, content);
      git("init", "--quiet");
      git("add", ".");
      rmSync(script);
      git("checkout-index", "--all", "--force");
      expect(readFileSync(script, "utf8")).toBe(content);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
