import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { engineAvailable } from "../support/postgres18.ts";
import { provokeAll, type RecordedFailure, scenariosHere } from "./fixtures/provoked-failures.ts";

describe.skipIf(!(await engineAvailable()))("failures of real servers", () => {
  it("look as recorded (else: an upgrade changed them, see fixtures/record-failures.ts)", async () => {
    const recorded: RecordedFailure[] = JSON.parse(
      readFileSync(path.join(import.meta.dirname, "fixtures/failures.golden.json"), "utf8"),
    );
    const here = new Set(scenariosHere.map(({ row }) => row));
    const stored = recorded.filter(({ row }) => here.has(row));
    const seen: RecordedFailure[] = [];
    await provokeAll((failure) => seen.push(failure));
    expect(seen).toEqual(stored);
  }, 300_000);
});
