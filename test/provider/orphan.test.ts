import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startPlugin, type TestPlugin } from "./support/plugin.ts";

/**
 * A plugin whose engine was killed. It talks to a Docker Engine that has a volume and makes helper containers, and takes
 * as long as the test wants to hand out the files.
 */
describe.skipIf(process.platform === "win32")("a plugin whose engine was killed", () => {
  const folder = mkdtempSync(join(tmpdir(), "poolkit-orphan-"));
  const socket = join(folder, "docker.sock");
  const place = { volumeName: "v", containerName: "c", image: "i", uid: 1, gid: 1 };
  let requests: string[];
  let labels: unknown;
  let archive: ServerResponse | undefined;
  let plugin: TestPlugin;

  const docker = createServer((request, response) => {
    const { method, url } = request;
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      requests.push(`${method} ${url?.split("?")[0]}`);
      if (url?.includes("/archive")) {
        archive = response;
        return;
      }
      if (url?.startsWith("/containers/create")) labels = JSON.parse(body).Labels;
      const answer = url?.startsWith("/containers/json") ? [] : { Id: "helper" };
      response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
    });
  });

  beforeAll(() => new Promise<void>((listening) => docker.listen(socket, listening)));
  afterAll(() => {
    docker.closeAllConnections();
    docker.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    [requests, labels, archive] = [[], undefined, undefined];
    plugin = await startPlugin({ DOCKER_HOST: `unix://${socket}` }, { ofAShell: true });
  });
  afterEach(() => plugin.stop());

  it("takes its helper container away before it ends", async () => {
    const inputs = { ...place, settings: {}, files: {} };
    const cut = plugin.read("AppConfig", "id", inputs, inputs).catch((error: unknown) => error);
    await expect.poll(() => archive, { timeout: 10_000 }).toBeDefined();
    expect(labels).toEqual({ "poolkit.helper": "v", "poolkit.stack": "test" });
    plugin.killParent();
    // Longer than it takes the plugin to notice.
    await new Promise((waited) => setTimeout(waited, 2_500));
    archive?.end();
    await plugin.ended;
    expect(requests.at(-1)).toBe("DELETE /containers/helper");
    await cut;
  });

  it("ends at once when nothing is under way", async () => {
    const killedAt = Date.now();
    plugin.killParent();
    await plugin.ended;
    expect(Date.now() - killedAt).toBeLessThan(5_000);
  });
});
