import { readFileSync } from "node:fs";
import path from "node:path";
import Docker from "dockerode";
import { projectImage } from "../provider/support/images.ts";
import { ensureTestImage } from "./docker-image.ts";
import { ensurePgBouncerImage } from "./pgbouncer.ts";
import { engineAvailable, ensurePostgres18Image } from "./postgres18.ts";

/**
 * Builds what files that run at the same time share, before the first of them: on an engine that is empty, several would
 * build the same layers side by side. Where they are there it takes some milliseconds.
 */
export default async function buildSharedImages(): Promise<void> {
  if (!(await engineAvailable())) return;
  const docker = new Docker();
  await ensurePostgres18Image(docker);
  await ensurePgBouncerImage(docker);
  for (const folder of ["postgres", "pgbouncer/image"]) await projectImage(folder);
  // Its first stage, which downloads and unpacks, is that of the exporters, too.
  for (const target of ["promtool", "prometheus"]) await projectImage("observability/image", target);
  // Of the application's image only the first stage: the second is a copy of files.
  const dockerfile = readFileSync(path.resolve(import.meta.dirname, "../../app/Dockerfile"), "utf8");
  const BASE_IMAGE = process.env.POOLKIT_BASE_IMAGE ?? "debian:forky-slim";
  await ensureTestImage(docker, "poolkit-test-app-build", dockerfile, {
    target: "build",
    buildargs: { BASE_IMAGE },
  });
}
