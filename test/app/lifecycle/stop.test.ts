import Fastify from "fastify";
import { describe, expect, it } from "vitest";
import { stopInOrder } from "../../../app/lifecycle/stop.ts";
import { RequestsUnderWay } from "../../../app/requests/requests-under-way.ts";

/** A stop of a server without requests; `jobs` is what its background work does. */
async function stop(jobs?: (deadlineMs: number) => Promise<boolean>) {
  const events: string[] = [];
  const server = Fastify();
  server.addHook("onClose", async () => {
    events.push("listener closed");
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  const told: number[] = [];
  const complete = await stopInOrder(
    {
      server,
      markStopping: () => events.push("not ready"),
      stopJobs:
        jobs &&
        (async (deadlineMs) => {
          events.push("jobs told");
          told.push(deadlineMs);
          return await jobs(deadlineMs).finally(() => events.push("jobs ended"));
        }),
      closePool: async (deadlineMs) => {
        events.push(deadlineMs > 0 ? "pool drained" : "pool closed");
        return true;
      },
      graceSeconds: () => 1.5,
    },
    new RequestsUnderWay(server.server),
  );
  return { complete, events, told };
}

describe("stopInOrder", () => {
  it("goes from readiness over listener and jobs to the pool", async () => {
    const { complete, events, told } = await stop(async () => true);
    expect(complete).toBe(true);
    expect(events[0]).toBe("not ready");
    expect(events.at(-1)).toBe("pool drained");
    expect(events.slice(1, -1).sort()).toEqual(["jobs ended", "jobs told", "listener closed"]);
    expect(told[0]).toBeGreaterThan(0);
    expect(told[0]).toBeLessThan(1000);
  });

  it("needs no jobs", async () => {
    expect(await stop()).toMatchObject({
      complete: true,
      events: ["not ready", "listener closed", "pool drained"],
    });
  });

  it.each<[string, () => Promise<boolean>]>([
    ["say that they did not end", async () => false],
    ["never answer", () => new Promise(() => {})],
  ])("does not wait for ever for jobs that %s, and says that work was cut off", async (_what, jobs) => {
    const { complete, events } = await stop(jobs);
    expect(complete).toBe(false);
    expect(events.at(-1)).toBe("pool closed");
  });
});
