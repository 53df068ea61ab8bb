import { describe, expect, it } from "vitest";
import { fileProblem } from "../../toolchain/lib/problem.mjs";

function failure(code: string, syscall = "open"): Error {
  return Object.assign(new Error(`${code}: denied, ${syscall} '/home/a/.cache/poolkit'`), { code, syscall });
}

describe("fileProblem", () => {
  it.each([
    ["EACCES", "XDG_CACHE_HOME"],
    ["EROFS", "XDG_CACHE_HOME"],
    ["ENOSPC", "free some space"],
  ])("explains %s", (code, fix) => {
    const problem = fileProblem(failure(code));
    expect(problem?.found).toContain("/home/a/.cache/poolkit");
    expect(problem?.fix).toContain(fix);
  });

  it("leaves alone what is a mistake of the program or of another kind", () => {
    expect(fileProblem(failure("EBADF"))).toBeUndefined();
    expect(fileProblem(new TypeError("x is undefined"))).toBeUndefined();
    expect(fileProblem("text")).toBeUndefined();
  });

  it.each(["spawn npm", "kill", "connect", "listen", "bind"])("takes no %s for a folder", (syscall) => {
    expect(fileProblem(failure("EACCES", syscall))).toBeUndefined();
  });
});
