import { describe, expect, it } from "vitest";
import { type AppliedMigration, transactionMark } from "../../provider/migrations/database.ts";
import { leftNothing } from "../../provider/migrations/history.ts";

const whole = { name: "1_whole", script: "CREATE TABLE a (id int)", checksum: "a" };
const inParts = { name: "2_parts", script: "CREATE INDEX CONCURRENTLY i ON a (id)", checksum: "b" };
const folder = [whole, inParts];

const attempt = (change: Partial<AppliedMigration>): AppliedMigration => ({
  ...{ name: whole.name, checksum: whole.checksum, isUnfinished: true, logs: null },
  ...change,
});

describe("a migration that was begun and has not ended", () => {
  it.each<[string, Partial<AppliedMigration>]>([
    ["would have recorded its end with its effect", { logs: transactionMark }],
    ["the same, and its script is another one now", { logs: transactionMark, checksum: "c" }],
    ["failed, and its script is one transaction", { logs: "ERROR: relation does not exist" }],
  ])("left nothing: %s", (_, change) => {
    expect(leftNothing(attempt(change), folder)).toBe(true);
  });

  it.each<[string, Partial<AppliedMigration>]>([
    ["nobody noted how far it came", {}],
    ["failed, and its script is not the one that is known", { logs: "ERROR", checksum: "c" }],
    ["failed, and its script is gone", { logs: "ERROR", name: "0_gone" }],
    ["failed in a script that may keep a part", { logs: "ERROR", name: inParts.name, checksum: "b" }],
  ])("may have left something: %s", (_, change) => {
    expect(leftNothing(attempt(change), folder)).toBe(false);
  });

  it("is not one that has ended", () => {
    expect(leftNothing(attempt({ isUnfinished: false, logs: "ERROR" }), folder)).toBe(false);
  });
});
