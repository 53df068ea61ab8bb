import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { expect, it, vi } from "vitest";
import type { DatabaseSettings } from "../../../app/config/config.ts";
import { openPool } from "../../../app/database/database-pool.ts";
import { sharedLookup } from "../../../app/database/database-socket.ts";
import { PoolMeasures } from "../../../app/database/measured-pool.ts";
import { isReachable } from "../../../app/database/probe-connection.ts";

/** No name resolves; it takes long enough for all of a test's connections to ask. */
vi.mock("node:dns", () => ({
  lookup: vi.fn((_hostname: string, _options: object, callback: (error: Error) => void) => {
    const error = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    setTimeout(callback, 50, error);
  }),
}));

/** Answers when it is told to, so that a test decides what happens meanwhile. */
function slowResolver() {
  const asked: { hostname: string; answer: () => void }[] = [];
  const lookup: LookupFunction = (hostname, _options, callback) => {
    asked.push({ hostname, answer: () => callback(null, `address of ${hostname}`, 4) });
  };
  return { asked, lookup: sharedLookup(lookup) };
}

it("asks once for a name however many wait for it, so that another one is not kept waiting behind them", () => {
  const { asked, lookup } = slowResolver();
  const answers: unknown[] = [];
  const connect = (hostname: string) =>
    lookup(hostname, { all: false }, (_error, address) => answers.push(address));
  for (let connection = 0; connection < 50; connection++) connect("gone");
  connect("there");
  expect(asked.map(({ hostname }) => hostname)).toEqual(["gone", "there"]);
  for (const { answer } of asked) answer();
  expect(answers).toEqual([...Array(50).fill("address of gone"), "address of there"]);
});

it("asks anew once it was answered", () => {
  const { asked, lookup } = slowResolver();
  lookup("name", {}, () => {});
  asked[0]?.answer();
  lookup("name", {}, () => {});
  expect(asked.length).toBe(2);
});

it("asks anew after a question that was refused at once, as that for a name with a zero byte is", () => {
  const refused = new TypeError("must be a string without null bytes");
  const find = vi.fn(() => {
    throw refused;
  });
  const lookup = sharedLookup(find);
  const ask = () => lookup("na\0me", {}, () => {});
  expect(ask).toThrow(refused);
  expect(ask).toThrow(refused);
  expect(find).toHaveBeenCalledTimes(2);
});

it("does not mix up different questions about one name", () => {
  const { asked, lookup } = slowResolver();
  lookup("name", { all: true }, () => {});
  lookup("name", { all: false }, () => {});
  expect(asked.length).toBe(2);
});

it.each(["standard", "enhanced"] as const)(
  "is what the connections of a %s pool and of a probe are made with: one question for all of them",
  async (mode) => {
    const settings: DatabaseSettings = {
      connectionString: "postgres://app:secret@gone.invalid:6432/poolkit",
      schema: "app",
      mode,
      connectionLimit: 5,
      acquireTimeoutSeconds: 10,
      idleTimeoutSeconds: 10,
      maxLifetimeSeconds: 60,
      transactionMaxWaitSeconds: 5,
      transactionTimeoutSeconds: 5,
      leakThresholdSeconds: 10,
      retryBudgetSeconds: 0,
    };
    vi.mocked(lookup).mockClear();
    const pool = await openPool(settings, {
      measures: new PoolMeasures(),
      onIdleError: () => {},
      checkouts: { onLeak: () => {} },
    });
    const query = () => pool.adapter.queryRaw({ sql: "SELECT 1", args: [], argTypes: [] });
    const asked = [...Array.from({ length: 5 }, query), isReachable(settings.connectionString)];
    const answers = await Promise.allSettled(asked);
    expect(answers.map(({ status }) => status)).toEqual([...Array(5).fill("rejected"), "fulfilled"]);
    expect(lookup).toHaveBeenCalledTimes(1);
    await pool.close();
  },
);
