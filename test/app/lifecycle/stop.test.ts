import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify, { type FastifyInstance } from "fastify";
import { describe, expect, it } from "vitest";
import { stopInOrder } from "../../../app/lifecycle/stop.ts";
import { RequestsUnderWay } from "../../../app/requests/requests-under-way.ts";

/** A stop of a server without requests; `jobs` is what its background work does. */
async function stop(
  jobs?: (deadlineMs: number) => Promise<boolean>,
  onListen: (server: FastifyInstance, underWay: RequestsUnderWay) => Promise<void> = async () => {},
  slow: () => Promise<string> = async () => "",
) {
  const events: string[] = [];
  const server = Fastify();
  const underWay = new RequestsUnderWay(server.server);
  server.addHook("onClose", async () => {
    events.push("listener closed");
  });
  server.get("/slow", slow);
  await server.listen({ host: "127.0.0.1", port: 0 });
  await onListen(server, underWay);
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
    underWay,
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

  // Browsers connect before they have a request, and keep that.
  it.each([
    ["nothing", ""],
    ["half a request", "GET / HTTP/1.1\r\nhost: a\r\n"],
  ])("does not wait for a connection on which %s has come", async (_what, sent) => {
    const { complete, events } = await stop(undefined, async (server) => {
      const { port } = server.server.address() as AddressInfo;
      const accepted = once(server.server, "connection");
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      socket.write(sent);
      await accepted;
    });
    expect(complete).toBe(true);
    expect(events.at(-1)).toBe("pool drained");
  });

  it("waits for a request that is under way, and no longer for what may come behind it", async () => {
    const { promise: answer, resolve } = Promise.withResolvers<string>();
    let status: Promise<number> | undefined;
    const { complete } = await stop(
      undefined,
      async (server, underWay) => {
        const { port } = server.server.address() as AddressInfo;
        status = fetch(`http://127.0.0.1:${port}/slow`).then((response) => response.status);
        while (underWay.counts().underWay === 0) await sleep(5);
        setTimeout(resolve, 550, "done");
      },
      () => answer,
    );
    expect([complete, await status]).toEqual([true, 200]);
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
