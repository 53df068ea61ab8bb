import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIni, parseUserlist } from "../../pgbouncer/parse.ts";
import { iniProblems, renderIni, renderUserlist, userlistProblems } from "../../pgbouncer/render.ts";
import { allowedText, isAllowed, sameValue, type ValueKind } from "../../pgbouncer/values.ts";

const verifier = "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy";
const empty = { settings: {}, databases: {}, users: {}, peers: {} };

/** Anything that PgBouncer reads back as it was written, including the characters that mean something to it. */
const oneLine = fc
  .string({
    unit: fc.oneof(fc.constantFrom(..."='\";%#[]\\ $,-é“"), fc.string({ minLength: 1, maxLength: 1 })),
  })
  .filter((text) => text === text.trim() && !/\p{Cc}/u.test(text));
const name = fc.stringMatching(/^[A-Za-z0-9_.-]{1,63}$/).filter((text) => text !== "pgbouncer");

describe("renderIni", () => {
  it("sorts sections and keys and ends with one newline", () => {
    const text = renderIni({
      settings: { pool_mode: "transaction", default_pool_size: "5" },
      databases: { poolkit: { port: "5432", host: "postgres" } },
      users: {},
      peers: {},
    });
    expect(text).toBe(
      "[databases]\npoolkit = host='postgres' port='5432'\n\n" +
        "[pgbouncer]\ndefault_pool_size = 5\npool_mode = transaction\n\n[users]\n",
    );
  });

  it("writes every section that has entries, one without keys too, and reads it back", () => {
    const ini = {
      settings: { peer_id: "1" },
      databases: { jobs: { connect_query: "set x = 'y'" } },
      users: { poolkit_app: { max_user_connections: "9" }, poolkit_monitor: {} },
      peers: { 2: { host: "there", port: "6433" } },
    };
    expect(renderIni(ini)).toBe(
      "[databases]\njobs = connect_query='set x = ''y'''\n\n[pgbouncer]\npeer_id = 1\n\n" +
        "[users]\npoolkit_app = max_user_connections='9'\npoolkit_monitor =\n\n" +
        "[peers]\n2 = host='there' port='6433'\n",
    );
    expect(parseIni(renderIni(ini))).toEqual(ini);
  });

  it("gives equal bytes for equal configurations whatever the order of keys", () => {
    const keys = fc.shuffledSubarray(["pool_size", "min_pool_size", "reserve_pool_size"], { minLength: 3 });
    fc.assert(
      fc.property(keys, (order) => {
        const entry = Object.fromEntries(order.map((key) => [key, "3"]));
        expect(renderIni({ ...empty, databases: { d: entry } })).toBe(
          "[databases]\nd = min_pool_size='3' pool_size='3' reserve_pool_size='3'\n\n[pgbouncer]\n\n[users]\n",
        );
      }),
    );
  });

  it("is read back as it was written, whatever stands in names and values", () => {
    const section = fc.dictionary(name, fc.record({ connect_query: oneLine.filter((text) => text !== "") }));
    fc.assert(
      fc.property(section, oneLine, (databases, text) => {
        const ini = {
          settings: { login_notify_message: text },
          databases: { ...databases },
          users: {},
          peers: {},
        };
        expect(parseIni(renderIni(ini))).toEqual(ini);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [
      "a second setting",
      { settings: { login_notify_message: "x\nadmin_users = eve" } },
      "settings.login_notify_message",
    ],
    ["a NUL", { settings: { login_notify_message: "x\0y" } }, "settings.login_notify_message"],
    ["a section", { settings: { "[users]\neve": "1" } }, "settings.[users]\neve"],
    ["an include", { settings: { "%include /etc/passwd": "" } }, "settings.%include /etc/passwd"],
    ["an unknown key", { settings: { default_pool_sise: "1" } }, "settings.default_pool_sise"],
    ["an octal number", { settings: { default_pool_size: "010" } }, "settings.default_pool_size"],
    ["a database named like the console", { databases: { pgbouncer: { host: "x" } } }, "databases.pgbouncer"],
    ["a quote in a name", { databases: { 'a"b': { host: "x" } } }, 'databases.a"b'],
    ["a space in a name", { users: { "a b": {} } }, "users.a b"],
    ["a name that looks like another", { users: { pοolkit: {} } }, "users.pοolkit"],
    ["a newline in a key's value", { databases: { a: { host: "x\n[users]" } } }, "databases.a.host"],
    ["databases of every name", { databases: { "*": { host: "x" } } }, "databases.*"],
    ["a role named *", { users: { "*": { max_user_connections: "3" } } }, "users.*"],
    ["a console that cannot be read", { settings: { disable_pqexec: "1" } }, "settings.disable_pqexec"],
    ["a plain password", { databases: { a: { password: "x" } } }, "databases.a.password"],
    ["a peer beyond PgBouncer's numbers", { peers: { 16384: { host: "x" } } }, "peers.16384"],
    ["a peer 0, which is none", { peers: { 0: { host: "x" } } }, "peers.0"],
    ["a peer's number written otherwise", { peers: { "1e3": { host: "x" } } }, "peers.1e3"],
    ["a peer's number with a zero before it", { peers: { "01": { host: "x" } } }, "peers.01"],
    ["an inherited name as a key", { databases: { a: { constructor: "x" } } }, "databases.a.constructor"],
    ["a time beyond PgBouncer's", { settings: { query_timeout: "31536001" } }, "settings.query_timeout"],
    ["a time with a unit", { settings: { query_timeout: "5s" } }, "settings.query_timeout"],
    ["a file mode without its 0", { settings: { unix_socket_mode: "770" } }, "settings.unix_socket_mode"],
    ["a file mode that is none", { settings: { unix_socket_mode: "0780" } }, "settings.unix_socket_mode"],
    ["a space at an end", { settings: { login_notify_message: "x " } }, "settings.login_notify_message"],
    ["half a character", { settings: { login_notify_message: "\ud800" } }, "settings.login_notify_message"],
    ["an empty value in an entry", { users: { a: { pool_mode: "" } } }, "users.a.pool_mode"],
  ])("refuses %s", (_, part, path) => {
    const ini = { ...empty, ...part };
    expect(iniProblems(ini).map((problem) => problem.path)).toEqual([path]);
    expect(() => renderIni(ini)).toThrow("refused");
  });
});

it.each([
  [
    "a limit of 0",
    { users: { a: { max_user_connections: "0" } } },
    /^leave it out for the global one: .*a\.max_user_connections$/,
  ],
  ["a time of 0", { databases: { a: { server_lifetime: "0" } } }, /^leave it out for the global one/],
  ["a port of 0", { databases: { a: { port: "0" } } }, "give databases.a.port such a value, or remove it"],
  [
    "a word that is none",
    { users: { a: { pool_mode: "0" } } },
    "give users.a.pool_mode such a value, or remove it",
  ],
  [
    "nothing",
    { users: { a: { query_timeout: "" } } },
    "give users.a.query_timeout such a value, or remove it",
  ],
  ["every name", { databases: { "*": { host: "x" } } }, "write an entry for each name"],
  [
    "a name that PgBouncer cannot read",
    { databases: { "a b": { host: "x" } } },
    "choose another name; dbname may be any",
  ],
])("says how to mend %s in an entry", (_, part, fix) => {
  expect(iniProblems({ ...empty, ...part })).toMatchObject([
    { fix: typeof fix === "string" ? fix : expect.stringMatching(fix) },
  ]);
});

it("names every problem with what was found where a file must not be written", () => {
  const settings = { default_pool_size: "-1", pool_mode: "none" };
  expect(() => renderIni({ ...empty, settings })).toThrow(
    /refused:\nsettings\.default_pool_size: found "-1", allowed .*\nsettings\.pool_mode: found "none", allowed /,
  );
});

it("takes the largest of what it allows", () => {
  const settings = { query_timeout: "31536000", unix_socket_mode: "0770", query_wait_timeout: "0.5" };
  expect(iniProblems({ ...empty, settings, peers: { 16383: { host: "x" } } })).toEqual([]);
});

describe("renderUserlist", () => {
  it("sorts roles and is read back as it was written", () => {
    const users = { zoe: verifier, "am=y; %x": verifier };
    expect(renderUserlist(users)).toBe(`"am=y; %x" "${verifier}"\n"zoe" "${verifier}"\n`);
    expect(parseUserlist(renderUserlist(users))).toEqual(users);
  });

  it.each([["plain"], [`${verifier}"\n"eve" "x`], [`x" "${verifier}`], ["md5abc"], [""]])(
    "refuses %j without repeating it",
    (value) => {
      const [problem] = userlistProblems({ app: value });
      expect(problem).toMatchObject({ path: "userlist.app", found: "something else" });
      expect(() => renderUserlist({ app: value })).toThrow("refused");
    },
  );
});

describe("userlistProblems", () => {
  it.each([
    ["no name", ""],
    ["a quote", 'a"b'],
    ["a line", "a\nb"],
    ["a space at an end", "a "],
    ["more bytes than Postgres takes", "é".repeat(32)],
  ])("refuses a role with %s", (_what, role) => {
    expect(userlistProblems({ [role]: verifier }).map(({ path }) => path)).toEqual([`userlist.${role}`]);
  });

  it("takes a role of as many bytes as Postgres takes", () => {
    expect(userlistProblems({ [`${"é".repeat(31)}x`]: verifier })).toEqual([]);
  });
});

describe("isAllowed", () => {
  it.each<[ValueKind, string, readonly string[], readonly string[]]>([
    [
      { type: "integer", min: 2, max: 10, unit: "connections" },
      "a whole number from 2 to 10 (connections)",
      ["2", "10"],
      ["1", "11", "02", "+2", "2.0", " 2", "2x", ""],
    ],
    [{ type: "integer", min: 0, max: 9, unit: "" }, "a whole number from 0 to 9", ["0"], ["-1"]],
    [
      { type: "seconds", max: 10 },
      "a number of seconds from 0 to 10",
      ["0", "0.5", "10"],
      ["10.1", "05", ".5", "5.", "5e0", "-0", "5s", ""],
    ],
    [{ type: "flag" }, "0 or 1", ["0", "1"], ["2", "01", "true", ""]],
    [{ type: "choice", values: ["a", "b"] }, "a, b", ["a", "b"], ["A", "a, b", ""]],
    [{ type: "octal" }, "a file mode in octal, e.g. 0770", ["0770"], ["00770", "07701", "10770", "0778"]],
  ])("of %o", (kind, text, allowed, refused) => {
    expect(allowedText(kind)).toBe(text);
    expect(allowed.filter((value) => !isAllowed(kind, value))).toEqual([]);
    expect(refused.filter((value) => isAllowed(kind, value))).toEqual([]);
  });
});

describe("sameValue", () => {
  it.each<[ValueKind, string, string, boolean]>([
    [{ type: "integer", min: 0, max: 9, unit: "" }, "5", "5", true],
    [{ type: "integer", min: 0, max: 9, unit: "" }, "5", "6", false],
    [{ type: "integer", min: 0, max: 9, unit: "" }, "0", "", false],
    [{ type: "flag" }, "", "0", false],
    [{ type: "seconds", max: 9_999_999 }, "1000000", "1e+06", true],
    [{ type: "seconds", max: 9_999_999 }, "1234567", "1.23457e+06", true],
    [{ type: "seconds", max: 9_999_999 }, "1234567", "1.23467e+06", false],
    [{ type: "seconds", max: 9 }, "0", "0.001", false],
    [{ type: "seconds", max: 9 }, "0", "", false],
    [{ type: "seconds", max: 9 }, "", "0", false],
    [{ type: "octal" }, "0777", "511", true],
    [{ type: "octal" }, "0777", "777", false],
    [{ type: "choice", values: ["session"] }, "session", "session", true],
    [{ type: "text" }, "1", "1.0", false],
  ])("of %o: %j, shown as %j: %s", (kind, written, shown, isSame) => {
    expect(sameValue(kind, written, shown)).toBe(isSame);
  });
});

describe("parseIni", () => {
  it("reads what people write: comments, blanks, values with and without quotes", () => {
    const text =
      "; a\n# b\n\n[pgbouncer]\n  verbose=1  \n[databases]\na = host=x  dbname='it''s' \n" +
      "[users]\nu =\n[peers]\n2 = host=y\n";
    expect(parseIni(text)).toEqual({
      settings: { verbose: "1" },
      databases: { a: { host: "x", dbname: "it's" } },
      users: { u: {} },
      peers: { 2: { host: "y" } },
    });
  });

  it.each([
    ["an unfinished header", "[pgbouncer]\n[users] x\n", { "line 2": "[users] x" }],
    ["a setting with text before it", "[pgbouncer]\n%verbose = 1\n", { "line 2": "%verbose = 1" }],
    ["an include", "[pgbouncer]\n%include /x\n", { "line 2": "%include /x" }],
    ["text without a section", "verbose = 1\n", { "line 1": "verbose = 1" }],
    ["an unknown section", "[other]\n1 = host=x\n", { "line 2": "1 = host=x" }],
    ["a broken entry", "[databases]\na = host\n", { "line 2": "a = host" }],
  ])("keeps %s visible", (_, text, settings) => {
    expect(parseIni(text)).toEqual({ ...empty, settings });
  });
});

describe("parseUserlist", () => {
  it("reads doubled quotes, blanks and what follows a verifier as PgBouncer does, and no comment", () => {
    const text = `; "eve" "${verifier}"\n  "a""b"   "c""d" more\nzoe "x"\n"zoe" x\n"am""y" ""\n`;
    expect(parseUserlist(text)).toEqual({ 'a"b': 'c"d', 'am"y': "" });
  });
});
