import { buffer } from "node:stream/consumers";
import Docker from "dockerode";
import { describe, expect, it } from "vitest";
import { projectImage } from "../provider/support/images.ts";
import { engineAvailable } from "../support/postgres18.ts";

const docker = new Docker();

describe.skipIf(!(await engineAvailable()))("the image of Prometheus", () => {
  it("knows the public authorities, so that a target over https can be one of theirs", async () => {
    const container = await docker.createContainer({
      Image: await projectImage("observability/image", "prometheus"),
    });
    try {
      const archive = await container.getArchive({ path: "/etc/ssl/certs/ca-certificates.crt" });
      const certificates = (await buffer(archive)).toString("latin1").match(/-----BEGIN CERTIFICATE-----/g);
      expect(certificates?.length).toBeGreaterThan(100);
    } finally {
      await container.remove({ force: true });
    }
  });
});
