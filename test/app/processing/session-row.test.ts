import { expect, it } from "vitest";
import { headerProblem } from "../../../app/processing/session-row.ts";

it("shows the columns that were found, of a file that has none not all of it", () => {
  expect(headerProblem(["id", "started_at"])).toMatch(/; found: "id", "started_at"$/);
  const found = headerProblem(Array<string>(21).fill("x".repeat(65)))?.split("found: ")[1];
  expect(found).toBe(
    Array(20)
      .fill(`"${"x".repeat(64)}"`)
      .join(", "),
  );
});
