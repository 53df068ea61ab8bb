import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallProperties } from "../../provider/protocol/calls.ts";
import { hasUnknown, reveal, seal, secretPaths, secretTexts } from "../../provider/protocol/secrets.ts";
import {
  decodeProperties,
  encodeProperties,
  type PropertyMap,
  type PropertyValue,
  SecretValue,
  unknownValue,
} from "../../provider/protocol/values.ts";

const tree = fc.letrec<{ map: PropertyMap; value: PropertyValue }>((tie) => ({
  map: fc.dictionary(fc.stringMatching(/^[a-z.]{1,6}$/), tie("value"), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.constant(unknownValue),
    fc.integer(),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("map"),
    tie("value").map((value) => new SecretValue(value)),
  ),
})).map;

describe("property values", () => {
  it("survive the protocol as they are", () => {
    fc.assert(
      fc.property(tree, (map) => {
        expect(decodeProperties(encodeProperties(map))).toEqual(map);
      }),
    );
  });

  it("lose their marks when they are revealed and get them back when they are sealed", () => {
    fc.assert(
      fc.property(tree, (map) => {
        const again = seal(reveal(map), secretPaths(map));
        expect(reveal(again)).toEqual(reveal(map));
        expect(secretPaths(again)).toEqual(secretPaths(map));
      }),
    );
  });
});

describe("seal", () => {
  it.each([
    ["a whole property", ["a"], { a: new SecretValue({ b: "x" }) }],
    ["a nested one", ["a", "b"], { a: { b: new SecretValue("x") } }],
    ["nothing at a path that leads nowhere", ["c", "d"], { a: { b: "x" } }],
    ["nothing below a leaf", ["a", "b", "c"], { a: { b: "x" } }],
  ])("marks %s", (_, path, expected) => {
    expect(seal({ a: { b: "x" } }, [path])).toEqual(expected);
  });

  it("marks a secret once", () => {
    expect(seal({ a: { b: "x" } }, [["a"], ["a", "b"], ["a"]])).toEqual({ a: new SecretValue({ b: "x" }) });
  });
});

describe("secrets in messages", () => {
  it("are taken out, the longer of two first, wherever they are nested", () => {
    const struct = encodeProperties({
      files: { url: "postgres://u:hunter2-hunter2@h", part: "hunter2-hunter2" },
    });
    const properties = new CallProperties([["files"]], struct);
    expect(properties.redact("cannot use postgres://u:hunter2-hunter2@h nor hunter2-hunter2")).toBe(
      "cannot use [secret] nor [secret]",
    );
  });

  it("are taken out also as a refusal quotes them", () => {
    const key = 'line one\n\tline "two"';
    const properties = new CallProperties([["key"]], encodeProperties({ key }));
    expect(properties.redact(`found ${JSON.stringify(key)}`)).toBe('found "[secret]"');
  });

  it("are only texts that are long enough to be one", () => {
    expect(
      secretTexts({ a: new SecretValue(["12345", "123456", { b: "abcdef" }]), c: "plain-text" }),
    ).toEqual(["123456", "abcdef"]);
  });
});

describe("hasUnknown", () => {
  it("looks into lists and objects", () => {
    expect(hasUnknown({ a: { b: [unknownValue] } })).toBe(true);
    expect(hasUnknown({ a: { b: ["x"] }, c: null })).toBe(false);
  });
});
