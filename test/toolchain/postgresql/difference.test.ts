import { describe, expect, it } from "vitest";
import { difference } from "../../../toolchain/plugins/postgresql/diff.ts";
import { plan } from "../../../toolchain/plugins/postgresql/plan.ts";
import type { Fields } from "../../../toolchain/plugins/postgresql/schema.ts";
import { UNKNOWN, type Value } from "../../../toolchain/plugins/postgresql/value.ts";

const FIELDS = {
  limit: { upstream: "limit", type: "int", default: -1 },
  timeout: { upstream: "timeout", type: "int" },
  owner: { upstream: "owner", type: "string", computed: true },
  encoding: { upstream: "encoding", type: "string", computed: true, replaces: true },
  path: { upstream: "path", type: "list" },
  roles: { upstream: "roles", type: "set" },
} as const satisfies Fields;
const STATE = { id: "x", limit: -1, timeout: 0, owner: "a", encoding: "UTF8", path: null, roles: null };

function details(state: Record<string, Value>, inputs: Record<string, Value>): Record<string, string> {
  const prior = { ...STATE, ...state };
  const found = difference(FIELDS, prior, plan(FIELDS, prior, inputs), inputs).details;
  return Object.fromEntries(
    Object.entries(found).map(([path, { kind, replace }]) => [path, replace ? `${kind}!` : kind]),
  );
}

describe("difference between state and inputs", () => {
  it.each<[string, Record<string, Value>, Record<string, Value>, Record<string, string>]>([
    ["nothing set, nothing different", {}, {}, {}],
    ["zero in the state is the same as nothing in the program", { timeout: 0 }, {}, {}],
    ["a removed value", { timeout: 5 }, {}, { timeout: "DELETE" }],
    ["a removed value with a default", { limit: 5 }, {}, { limit: "UPDATE" }],
    ["a removed computed value stays", { owner: "b" }, {}, {}],
    ["a changed value that replaces", {}, { encoding: "LATIN1" }, { encoding: "UPDATE!" }],
    ["an unknown value", {}, { limit: UNKNOWN }, { limit: "UPDATE" }],
    ["the order of a set does not count", { roles: ["a", "b"] }, { roles: ["b", "a", "b"] }, {}],
    [
      "a set: lost by old index, new by input index",
      { roles: ["a", "b"] },
      { roles: ["b", "c"] },
      {
        "roles[0]": "DELETE",
        "roles[1]": "ADD",
      },
    ],
    ["a set: both on one index", { roles: ["a"] }, { roles: ["c"] }, { "roles[0]": "UPDATE" }],
    ["an emptied set", { roles: ["a"] }, { roles: [] }, { roles: "DELETE" }],
    ["a first set", {}, { roles: ["a"] }, { roles: "ADD" }],
    ["a set with something unknown", { roles: ["a"] }, { roles: ["a", UNKNOWN] }, { roles: "UPDATE" }],
    ["a list: the first element removed", { path: ["b", "a"] }, { path: ["a"] }, { "path[0]": "DELETE" }],
    ["a list: one inserted", { path: ["a", "c"] }, { path: ["a", "b", "c"] }, { "path[1]": "ADD" }],
    [
      "a list: the order counts",
      { path: ["a", "b"] },
      { path: ["b", "a"] },
      {
        "path[0]": "DELETE",
        "path[1]": "ADD",
      },
    ],
  ])("%s", (_title, state, inputs, expected) => {
    expect(details(state, inputs)).toEqual(expected);
  });
});
