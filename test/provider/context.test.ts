import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Contexts } from "../../provider/model/context.ts";

const contexts = new Contexts({ info() {}, warning() {} }, () => Promise.reject(new Error("no engine here")));
const signalAfter = (timeoutSeconds: number) =>
  contexts.of("urn:pulumi:dev::poolkit::poolkit:index:Migrations::m", timeoutSeconds).signal;

it("ends an operation at its custom timeout, and says which", async () => {
  const signal = signalAfter(0.01);
  await sleep(50);
  expect(String(signal.reason)).toContain("not done within its custom timeout of 0.01 s");
});

it.each([30, 3650])(
  "lets an operation run whose custom timeout is %i days: no timer of Node is as long",
  async (days) => {
    const signal = signalAfter(days * 86_400);
    await sleep(50);
    expect(signal.aborted).toBe(false);
  },
);
