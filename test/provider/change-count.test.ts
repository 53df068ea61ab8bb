import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPlugin, type TestPlugin } from "./support/plugin.ts";

const type = "ChangeCount";
const [before, after] = [{ triggers: { settings: "[30]" } }, { triggers: { settings: "[29]" } }];

let plugin: TestPlugin;
beforeAll(async () => {
  plugin = await startPlugin();
});
afterAll(() => plugin?.stop());

describe("ChangeCount", () => {
  it("is another one after a change and its taking back, and a preview knows it", async () => {
    const { id, state: first } = await plugin.create(type, before);
    const previewed = await plugin.update(type, id, first, before, after, true);
    const second = await plugin.update(type, id, first, before, after);
    const third = await plugin.update(type, id, second, after, before);
    expect([first, previewed, second, third].map(({ count }) => count)).toEqual([1, 2, 2, 3]);
  });

  it("stays what it is while nothing changes, also when it is read", async () => {
    const { id, state } = await plugin.create(type, before);
    const changed = await plugin.update(type, id, state, before, after);
    const read = await plugin.read(type, id, changed, after);
    expect(read.state).toEqual(changed);
    expect(await plugin.diff(type, read.state, read.inputs, after)).toEqual({});
    expect(await plugin.diff(type, read.state, read.inputs, before)).toEqual({
      "triggers.settings": "UPDATE",
    });
  });
});
