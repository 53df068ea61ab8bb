import { describe, expect, it } from "vitest";
import { isDebianFamily } from "../../toolchain/engine/apt.mjs";
import { debianMirror } from "../../toolchain/engine/debian-mirror.mjs";

const deb822 = (fields: Record<string, string>) =>
  Object.entries({ Types: "deb", Suites: "bookworm bookworm-updates", Components: "main", ...fields })
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");

describe("debianMirror", () => {
  it.each([
    ["deb822", [deb822({ URIs: "http://mirror.example/debian" })], "http://mirror.example/debian"],
    ["trailing slash", [deb822({ URIs: "https://mirror.example/debian/" })], "https://mirror.example/debian"],
    ["one line", ["deb http://mirror.example/debian bookworm main contrib"], "http://mirror.example/debian"],
    [
      "one line with options, after comments",
      [
        "# deb http://old.example/debian stretch main\ndeb [arch=amd64 signed-by=/k.gpg] http://m.example/debian/ sid main",
      ],
      "http://m.example/debian",
    ],
    [
      "security stanza first",
      [
        `${deb822({ URIs: "http://mirror.example/debian-security", Suites: "bookworm-security" })}\n\n${deb822({ URIs: "http://mirror.example/debian" })}`,
      ],
      "http://mirror.example/debian",
    ],
    [
      "vendor repositories first",
      [
        "deb https://packages.example/apt sdk main",
        deb822({ URIs: "https://deb.node.example/node", Suites: "nodistro" }),
        deb822({ URIs: "http://mirror.example/debian" }),
      ],
      "http://mirror.example/debian",
    ],
    ["disabled stanza", [deb822({ URIs: "http://off.example/debian", Enabled: "no" })], undefined],
    ["sources only", [deb822({ URIs: "http://src.example/debian", Types: "deb-src" })], undefined],
    ["a medium", ["deb cdrom:[Debian 12]/debian bookworm main"], undefined],
    ["Ubuntu", [deb822({ URIs: "http://mirror.example/ubuntu", Suites: "noble" })], undefined],
    ["nothing", ["", ""], undefined],
  ])("%s", (_name, sources, expected) => {
    expect(debianMirror(sources)).toBe(expected);
  });
});

describe("isDebianFamily", () => {
  it.each([
    ["ID=debian\nVERSION_ID=12", true],
    ['ID="ubuntu"\nID_LIKE=debian', true],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"', true],
    ['ID=fedora\nPRETTY_NAME="not debian"', false],
    ['ID=rocky\nID_LIKE="rhel centos fedora"', false],
    ["", false],
  ])("%j", (text, expected) => {
    expect(isDebianFamily(text)).toBe(expected);
  });
});
