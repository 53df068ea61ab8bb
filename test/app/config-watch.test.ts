import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { watchConfig } from "../../app/lib/config-watch.ts";
import { eventually } from "../support/load.ts";

let folder = "";
let end = () => {};
const file = (name: string) => path.join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "poolkit-watch-"));
  writeFileSync(file("a"), "1");
});
afterEach(() => {
  end();
  rmSync(folder, { recursive: true });
});

it("tells once of a set of files that is written one after the other, and only when it is quiet", async () => {
  const calls: boolean[] = [];
  let isWriting = false;
  end = watchConfig([file("a"), file("b")], async () => {
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

it("tells once at its start, after the first look: what changed since the files were read is not lost", async () => {
  let calls = 0;
  end = watchConfig([file("a")], async () => {
    calls += 1;
    // Changed after the first look, so the watch must see it by itself.
    if (calls === 1) writeFileSync(file("a"), "22");
    return true;
  });
  await eventually(async () => calls === 2, { what: "the call for the change" });
}, 20_000);

it("tells again, as a repetition, until what it told was taken", async () => {
  const calls: boolean[] = [];
  const refusals = [false, true, true, false];
  end = watchConfig([file("a")], async (isAgain) => {
    calls.push(isAgain);
    return !refusals[calls.length - 1];
  });
  await sleep(200);
  writeFileSync(file("a"), "22");
  await eventually(async () => calls.length === 4, { what: "the repetitions", timeoutMs: 20_000 });
  await sleep(6000);
  expect(calls).toEqual([false, false, true, true]);
}, 40_000);

it("sees a file that is replaced by renaming, with the same size", async () => {
  let calls = 0;
  end = watchConfig([file("a")], async () => {
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
