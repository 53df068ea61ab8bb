import { expect, it } from "vitest";
import { isSameStack, stackName } from "../../cli/stack-name.ts";

it.each([
  ["prod", "prod"],
  ["org/prod", "prod"],
  ["org/shop/prod", "prod"],
])("the program sees %s as %s", (stack, name) => {
  expect(stackName(stack)).toBe(name);
});

it.each([
  ["prod", "prod", true],
  ["prod", "org/prod", true],
  ["org/shop/prod", "org/prod", true],
  ["organization/shop/prod", "prod", true],
  ["org/prod", "other/prod", false],
  ["org/prod", "org/dev", false],
  ["prod", "dev", false],
])("%s and %s mean the same stack: %s", (listed, asked, same) => {
  expect(isSameStack(listed, asked)).toBe(same);
});
