import { describe, expect, it } from "vitest";
import { isBearer } from "../../../app/requests/auth.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

describe("isBearer", () => {
  it.each([`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`, `Bearer ${" ".repeat(900)}${TOKEN}`])(
    "accepts %s",
    (header) => {
      expect(isBearer(header, TOKEN)).toBe(true);
    },
  );

  it.each<[string, string | undefined]>([
    ["nothing", undefined],
    ["empty", ""],
    ["scheme only", "Bearer"],
    ["empty token", "Bearer "],
    ["no scheme", TOKEN],
    ["other scheme", `Basic ${TOKEN}`],
    ["first character wrong", `Bearer x${TOKEN.slice(1)}`],
    ["last character wrong", `Bearer ${TOKEN.slice(0, -1)}x`],
    ["shorter", `Bearer ${TOKEN.slice(1)}`],
    ["longer", `Bearer ${TOKEN}0`],
    ["two tokens", `Bearer ${TOKEN} ${TOKEN}`],
    ["too long to look at", `Bearer ${" ".repeat(1024)}${TOKEN}`],
    ["right up to the longest header, then more", `Bearer ${" ".repeat(1024 - 7 - TOKEN.length)}${TOKEN}x`],
    ["wide characters", `Bearer ${"é".repeat(32)}`],
  ])("refuses %s", (_name, header) => {
    expect(isBearer(header, TOKEN)).toBe(false);
  });

  it("takes the token in force, however often it changes", () => {
    const tokens = Array.from({ length: 20 }, (_, index) => `${TOKEN}-${index}`);
    for (const token of [...tokens, ...tokens]) {
      expect(isBearer(`Bearer ${token}`, token)).toBe(true);
      expect(isBearer(`Bearer ${TOKEN}`, token)).toBe(false);
    }
    expect(isBearer(`Bearer ${tokens[0]}`, `${tokens[1]}`)).toBe(false);
  });

  it("accepts nothing where no token is set", () => {
    expect(isBearer("Bearer ", "")).toBe(false);
    expect(isBearer(undefined, "")).toBe(false);
  });
});
