import { describe, expect, it } from "vitest";
import { LoginLimit } from "../../../app/page/login-limit.ts";
import { SESSION_SECONDS, Sessions } from "../../../app/page/session.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

describe("a session", () => {
  const begin = (now = () => 1_000_000_000) => {
    const sessions = new Sessions(() => TOKEN, now);
    return { sessions, cookie: sessions.begin() };
  };

  it("is valid, holds no token and is another one each time", () => {
    const { sessions, cookie } = begin();
    expect(sessions.isValid(cookie)).toBe(true);
    expect(cookie).not.toContain(TOKEN);
    expect(sessions.begin()).not.toBe(cookie);
  });

  it("is not valid when any character of it was changed, added or left out", () => {
    const { sessions, cookie } = begin();
    const forged = [...cookie].flatMap((character, index) => {
      const other = character === "1" ? "2" : "1";
      return [
        cookie.slice(0, index) + other + cookie.slice(index + 1),
        cookie.slice(0, index) + cookie.slice(index + 1),
      ];
    });
    // The last character of base64url of 32 bytes has two bits that say nothing; as text it still has to be the same.
    for (const text of [...forged, `${cookie}1`, `1${cookie}`, "", "..", undefined]) {
      expect(sessions.isValid(text), text).toBe(false);
    }
  });

  it("ends after an hour", () => {
    let now = 1_000_000_000;
    const { sessions, cookie } = begin(() => now);
    now += SESSION_SECONDS * 1000 - 1000;
    expect(sessions.isValid(cookie)).toBe(true);
    now += 1000;
    expect(sessions.isValid(cookie)).toBe(false);
  });

  it("ends when it is ended, and the others go on", () => {
    const { sessions, cookie } = begin();
    const other = sessions.begin();
    sessions.end(cookie);
    expect([sessions.isValid(cookie), sessions.isValid(other)]).toEqual([false, true]);
  });

  it("ends with the token", () => {
    let token = TOKEN;
    const sessions = new Sessions(() => token);
    const cookie = sessions.begin();
    token = `${TOKEN}x`;
    expect(sessions.isValid(cookie)).toBe(false);
  });
});

describe("the limit of wrong logins", () => {
  it("lets an address wait after ten in a minute, and nobody else", () => {
    let now = 0;
    const limit = new LoginLimit(() => now);
    for (let wrong = 0; wrong < 10; wrong += 1) {
      expect(limit.waitSeconds("a")).toBe(0);
      limit.noteWrong("a");
    }
    now = 20_000;
    expect([limit.waitSeconds("a"), limit.waitSeconds("b")]).toEqual([40, 0]);
    now = 60_000;
    expect(limit.waitSeconds("a")).toBe(0);
    limit.noteWrong("a");
    expect(limit.waitSeconds("a")).toBe(0);
  });

  it("remembers a bounded number of addresses, the newest", () => {
    const limit = new LoginLimit(() => 0);
    const wrong = (address: string) => {
      for (let time = 0; time < 10; time += 1) limit.noteWrong(address);
    };
    for (let address = 0; address <= 1000; address += 1) wrong(String(address));
    expect([limit.waitSeconds("0"), limit.waitSeconds("1"), limit.waitSeconds("1000")]).toEqual([0, 60, 60]);
  });
});
