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
    // A plugin of its own code alone has a dozen of files, and it loads gRPC.
    expect(kept.length).toBeGreaterThan(100);
  },
);
