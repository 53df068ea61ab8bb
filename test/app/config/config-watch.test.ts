import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, type TestContext } from "vitest";
import { type OnChange, watchConfig } from "../../../app/config/config-watch.ts";
import { eventually } from "../../support/load.ts";

/** A folder of the test's own with a file `a`, and a watch that ends with the test. */
function watched({ onTestFinished }: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), "poolkit-watch-"));
  const file = (name: string) => path.join(folder, name);
  writeFileSync(file("a"), "1");
  const watch = (names: readonly string[], onChange: OnChange, lookEveryMs?: number) =>
    onTestFinished(watchConfig(names.map(file), onChange, lookEveryMs));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { file, watch };
}

// They wait far more than they work, so they wait together.

it.concurrent("tells once of a set of files that is written one after the other, and only when it is quiet", async (test) => {
  const { file, watch } = watched(test);
  const calls: boolean[] = [];
  let isWriting = false;
  watch(["a", "b"], async () => {
    calls.push(isWriting);
    return true;
  });
  await sleep(200);
  isWriting = true;
  // Faster than a look: none of them may find the set unchanged since the one before.
  for (let write = 0; write < 8; write++) {
    writeFileSync(file(write % 2 === 0 ? "a" : "b"), `${write}`.repeat(write + 1));
    await sleep(400);
  }
  isWriting = false;
  await eventually(async () => calls.length === 2, { what: "the call" });
  await sleep(2500);
  expect(calls).toEqual([false, false]);
}, 20_000);

it.concurrent("tells once at its start, after the first look: what changed since the files were read is not lost", async (test) => {
  const { file, watch } = watched(test);
  let calls = 0;
  watch(["a"], async () => {
    calls += 1;
    // Changed after the first look, so the watch must see it by itself.
    if (calls === 1) writeFileSync(file("a"), "22");
    return true;
  });
  await eventually(async () => calls === 2, { what: "the call for the change" });
}, 20_000);

it.concurrent("tells again, as a repetition, until what it told was taken", async (test) => {
  const { file, watch } = watched(test);
  const calls: boolean[] = [];
  const refusals = [false, true, true, false];
  const lookEveryMs = 250;
  const onChange = async (isAgain: boolean) => {
    calls.push(isAgain);
    return !refusals[calls.length - 1];
  };
  watch(["a"], onChange, lookEveryMs);
  await sleep(200);
  writeFileSync(file("a"), "22");
  await eventually(async () => calls.length === 4, { what: "the repetitions", timeoutMs: 20_000 });
  // As long as one more repetition would take, and a look.
  await sleep(6 * lookEveryMs);
  expect(calls).toEqual([false, false, true, true]);
}, 20_000);

it.concurrent("sees a file that is replaced by renaming, with the same size", async (test) => {
  const { file, watch } = watched(test);
  let calls = 0;
  watch(["a"], async () => {
    calls += 1;
    return true;
  });
  await sleep(200);
  writeFileSync(file("new"), "2");
  renameSync(file("new"), file("a"));
  await eventually(async () => calls === 2, { what: "the call" });
  rmSync(file("a"));
  await eventually(async () => calls === 3, { what: "the call for the removal" });
}, 20_000);
