import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CONFIG_FIELDS } from "../../../toolchain/plugins/postgresql/config-fields.ts";
import { RESOURCE_TYPES } from "../../../toolchain/plugins/postgresql/resources/types.ts";
import type { Field } from "../../../toolchain/plugins/postgresql/schema.ts";

interface Property {
  type?: string;
  $ref?: string;
  willReplaceOnChanges?: boolean;
  secret?: boolean;
}
interface OfficialSchema {
  provider: { inputProperties: Record<string, Property> };
  resources: Record<string, { inputProperties: Record<string, Property>; requiredInputs?: string[] }>;
}

const path = new URL("../../data/pulumi-postgresql.schema.json", import.meta.url);
const official: OfficialSchema = JSON.parse(readFileSync(path, "utf8"));

const JSON_TYPES = {
  string: "string",
  int: "integer",
  bool: "boolean",
  list: "array",
  set: "array",
} as const;

function ours([name, field]: [string, Field]) {
  return [
    name,
    { type: JSON_TYPES[field.type], replaces: field.replaces ?? false, secret: field.secret ?? false },
  ];
}

function theirs([name, property]: [string, Property]) {
  const { type, willReplaceOnChanges, secret } = property;
  return [name, { type, replaces: willReplaceOnChanges ?? false, secret: secret ?? false }];
}

describe("the fallback plugin's properties are those of the official schema", () => {
  it.each(Object.entries(RESOURCE_TYPES))("%s", (token, type) => {
    const resource = official.resources[token];
    expect(Object.fromEntries(Object.entries(type.fields).map(ours))).toEqual(
      Object.fromEntries(Object.entries(resource?.inputProperties ?? {}).map(theirs)),
    );
    const required = Object.entries(type.fields).filter(([, field]) => field.required && !field.autonamed);
    expect(required.map(([name]) => name).sort()).toEqual([...(resource?.requiredInputs ?? [])].sort());
  });

  it("provider configuration", () => {
    const types = { string: "string", int: "integer", bool: "boolean", object: undefined } as const;
    const found = Object.entries(CONFIG_FIELDS).map(([name, field]) => [name, types[field.type]]);
    const expected = Object.entries(official.provider.inputProperties).map(([name, { type }]) => [
      name,
      type,
    ]);
    expect(found.sort()).toEqual(expected.sort());
  });
});
