import { describe, expect, it } from "vitest";
import { nearest } from "../../pgbouncer/nearest.ts";

describe("nearest", () => {
  it.each([
    ["a letter that is missing", "pool_sze", ["pool_mode", "pool_size"], "pool_size"],
    ["a letter too many", "pool_sizze", ["pool_size"], "pool_size"],
    ["two letters that changed places", "pool_szie", ["pool_size"], "pool_size"],
    ["capitals, on either side", "POOL_size", ["pool_SIZE"], "pool_SIZE"],
    ["the nearest of several", "min_pool", ["min_pools", "min_pool_"], "min_pools"],
    ["the nearer one, wherever it stands", "abcdef", ["abcdxx", "abcdex"], "abcdex"],
    ["two of four characters", "abcd", ["abxy"], "abxy"],
    ["not three of four", "abcd", ["axyz"], undefined],
    ["three of nine", "abcdefghi", ["abcdefxyz"], "abcdefxyz"],
    ["not four of eleven", "abcdefghijk", ["abcdefgwxyz"], undefined],
    ["four of twelve", "abcdefghijkl", ["abcdefghwxyz"], "abcdefghwxyz"],
    ["nothing where there is nothing", "abcd", [], undefined],
  ])("finds %s", (_, name, candidates, expected) => {
    expect(nearest(name, candidates)).toBe(expected);
  });
});
