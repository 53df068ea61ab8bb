import { readFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { engineAvailable } from "../../support/postgres18.ts";
import { provokeAll, type RecordedFailure, scenariosHere } from "../fixtures/provoked-failures.ts";

describe.skipIf(!(await engineAvailable()))("failures of real servers", () => {
  // Only what differs is done once more (on a busy machine another failure may come first), not all of it.
  const once = { timeout: 300_000, retry: 0 };
  it("look as recorded (else: an upgrade changed them, see fixtures/record-failures.ts)", once, async () => {
    const recorded: RecordedFailure[] = JSON.parse(
      readFileSync(path.join(import.meta.dirname, "../fixtures/failures.golden.json"), "utf8"),
    );
    const here = new Set(scenariosHere.map(({ row }) => row));
    const stored = recorded.filter(({ row }) => here.has(row));
    const seen = new Map<string, RecordedFailure>();
    const keep = (failure: RecordedFailure) => seen.set(failure.row, failure);
    await provokeAll(keep);
    const differing = stored.filter((failure) => !isDeepStrictEqual(seen.get(failure.row), failure));
    if (differing.length > 0) {
      const rows = differing.map(({ row }) => row);
      process.stdout.write(`done once more, because it differed: ${rows.join("; ")}\n`);
      await provokeAll(
        keep,
        scenariosHere.filter(({ row }) => rows.includes(row)),
      );
    }
    expect([...seen.values()]).toEqual(stored);
  });
});
