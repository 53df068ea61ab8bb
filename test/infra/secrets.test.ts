import { describe, expect, it } from "vitest";
import { derive, scramVerifier } from "../../infra/secrets.ts";

describe("derive", () => {
  const seed = "0123456789abcdef0123456789abcdef";

  it("is the same in every run", () => {
    expect(derive(seed, "dev", "password/poolkit_app")).toBe(derive(seed, "dev", "password/poolkit_app"));
  });

  it.each([
    ["another stack", seed, "prod", "password/poolkit_app"],
    ["another purpose", seed, "dev", "password/poolkit_owner"],
    ["another seed", `${seed}x`, "dev", "password/poolkit_app"],
  ])("differs for %s", (_what, otherSeed, stack, purpose) => {
    expect(derive(otherSeed, stack, purpose)).not.toBe(derive(seed, "dev", "password/poolkit_app"));
  });

  it("is 256 bits that need no quoting in a URL, an ini file or SQL", () => {
    expect(derive(seed, "dev", "token/health")).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe("scramVerifier", () => {
  it("has the keys of RFC 7677's example (user, pencil)", () => {
    const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
    // From the same password, salt and iterations PostgreSQL 18 stores these keys.
    expect(scramVerifier("pencil", salt)).toBe(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
  });
});
