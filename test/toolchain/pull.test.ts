import { expect, it } from "vitest";
import { pullQuery } from "../../toolchain/engine/pull.mjs";

it.each([
  ["debian:forky-slim", { fromImage: "debian", tag: "forky-slim" }],
  ["debian", { fromImage: "debian", tag: "latest" }],
  ["registry.example:5000/debian", { fromImage: "registry.example:5000/debian", tag: "latest" }],
  ["registry.example:5000/debian:13", { fromImage: "registry.example:5000/debian", tag: "13" }],
  ["debian@sha256:abc", { fromImage: "debian@sha256:abc" }],
])("the engine is asked for %s", (image, query) => {
  expect(pullQuery(image)).toEqual(query);
});
