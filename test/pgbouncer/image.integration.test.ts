import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import Docker from "dockerode";
import { describe, expect, it } from "vitest";
import { engineAvailable } from "../support/postgres18.ts";

const docker = new Docker();
const context = join(import.meta.dirname, "../../pgbouncer/image");

/** Builds pgbouncer/image and returns the whole log. */
async function build(minimum: string): Promise<string> {
  const BASE_IMAGE = process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim";
  const stream = await docker.buildImage(
    { context, src: ["Dockerfile"] },
    { forcerm: true, buildargs: { BASE_IMAGE, PGBOUNCER_MINIMUM: minimum } },
  );
  return (await buffer(stream)).toString();
}

describe.skipIf(!(await engineAvailable()))("the image of PgBouncer", () => {
  it("is not built from a PgBouncer below the floor", async () => {
    expect(await build("99.0.0")).toMatch(
      /PgBouncer 1\.\d+\.\d+ found, 99\.0\.0 or newer needed: choose a base image/,
    );
  }, 300_000);

  it("is built from one above it", async () => {
    expect(await build("1.26.1")).toContain("Successfully built");
  }, 300_000);
});
