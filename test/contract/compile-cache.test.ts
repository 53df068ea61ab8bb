import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";

it.each(["provider/pulumi-resource-poolkit", "toolchain/plugins/postgresql/pulumi-resource-postgresql"])(
  "%s keeps its compiled code for the next start, when it is ended as the engine ends it",
  async (plugin) => {
    const folder = mkdtempSync(join(tmpdir(), "poolkit-compile-cache-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const child = spawn(process.execPath, [plugin, "127.0.0.1:1"], {
      env: { ...process.env, NODE_COMPILE_CACHE: folder },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGINT");
    await once(child, "exit");
    const kept = readdirSync(folder, { recursive: true });
    // More than a plugin has files of its own: what it loads, gRPC above all, is kept, too.
    expect(kept.length).toBeGreaterThan(100);
  },
);
